"""From the outbox to Telegram."""
