"""Cases from opening to resolution."""
