"""The measurement of screening on labelled messages."""
