"""The operators' work on cases, the roster and the lexicon, for every front end."""
