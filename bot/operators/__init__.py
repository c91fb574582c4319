"""The operators' side in Telegram: cases, takeover, pages and digests."""
