"""Retention, erasure, backup and restore."""
