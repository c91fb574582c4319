"""Changes of the lexicon: proposed, replayed, decided, live."""
