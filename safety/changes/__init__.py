"""Lexicon changes and the checks before their use."""
