"""True answers to questions about the program itself, in any state and without the model."""
