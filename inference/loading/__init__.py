"""From a name to a model on its devices: files, configuration, placement, tokenizer."""
