"""Times, days, zones and plain requests, read from people's words."""
