"""The operators' console in the browser. Knows neither Telegram nor the model."""
