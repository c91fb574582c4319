"""The Telegram front end: from an update to a reply."""
