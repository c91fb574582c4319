"""What came from Telegram, as plain values, and how one handler answers it."""
