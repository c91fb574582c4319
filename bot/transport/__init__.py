"""How Telegram's Bot API is spoken to: requests, answers, limits."""
