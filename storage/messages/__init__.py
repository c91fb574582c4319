"""The inbox and the outbox: updates that come in, and messages that go out."""
