"""Operators: access, hours of duty, sign-in."""
