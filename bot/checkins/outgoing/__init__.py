"""A check-in on its way out: due, worded, sent, withdrawn."""
