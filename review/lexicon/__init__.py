"""Lexicon changes from proposal to use."""
