"""The step loop: who runs, what they store, what they are given next."""
