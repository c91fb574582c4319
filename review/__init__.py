"""What operators do, whatever the face they use: knows neither Telegram nor HTTP."""
