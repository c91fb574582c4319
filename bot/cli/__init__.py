"""The commands behind `pica`, a module for each kind of work."""
