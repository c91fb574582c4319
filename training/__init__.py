"""How PICA is made: the tuning of a prefix."""
