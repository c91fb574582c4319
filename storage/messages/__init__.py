"""Both ends of a message's path: inbox and outbox."""
