"""Telegram's updates as plain values, and the transaction that answers one."""
