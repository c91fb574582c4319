"""Check-ins: when to ask how a person is, what they answer, and what they arrange."""
