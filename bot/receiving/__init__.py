"""From Telegram into a person's lane."""
