"""The safety floor: text in, screening out; the model's words in, a verdict out."""
