"""The operators' console in the browser."""
