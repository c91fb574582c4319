"""The client of Telegram's Bot API: requests, answers, limits."""
