"""The model's arithmetic: weights, attention, cached keys and values, captured steps."""
