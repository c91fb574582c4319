"""The companion: who answers a message, and the model's reply."""
