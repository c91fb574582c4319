"""What people press and ask for: consent, commands, their data, leaving."""
