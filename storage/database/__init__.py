"""The database itself: connection, schema, keys, leases."""
