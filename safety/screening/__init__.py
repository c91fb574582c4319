"""One text in, one screening out: lexicon, scope, context."""
