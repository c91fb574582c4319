"""The screening of a text: lexicon, matching, scope and context."""
