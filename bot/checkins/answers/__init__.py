"""Answers to a check-in, by button or in words."""
