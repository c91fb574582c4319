"""When a check-in is due, and when it is better not asked."""
