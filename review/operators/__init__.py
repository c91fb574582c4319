"""Operators: their rights, duty hours and sign-in."""
