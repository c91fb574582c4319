"""Changes of the lexicon, checked before they are taken into use."""
