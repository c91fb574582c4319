"""The web chat: the sandbox's people and operators in a browser."""
