"""Folding of a text to plain forms, with positions mapped back to the original."""
