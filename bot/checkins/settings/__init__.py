"""A person's check-in settings: pages, buttons, typed requests."""
