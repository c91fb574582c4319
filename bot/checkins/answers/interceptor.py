"""Words that answer a check-in, taken before the companion answers them."""
