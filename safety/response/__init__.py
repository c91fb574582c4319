"""What a level leads to: policy, scripts, numbers, the guard of the model's words."""
