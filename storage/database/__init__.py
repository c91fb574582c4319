"""The database itself: connection, schema, keys and leases."""
