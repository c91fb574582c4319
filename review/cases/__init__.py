"""Cases: opened, claimed, taken over, resolved."""
