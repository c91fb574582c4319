"""P-Tuning v2: talks in, a prefix in PICA's published layout out."""
