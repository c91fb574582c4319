"""The response to a level: policy, scripts, numbers, and the guard on the model's text."""
