"""A text folded to plain forms, with the way back to the original."""
