"""People at risk: screening, safe mode, the reviewed script, cases."""
