"""How well screening does on labelled texts."""
