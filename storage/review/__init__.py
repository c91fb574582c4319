"""Cases, operators and the lexicon's changes."""
