"""Check-ins: when to ask, what plain words mean, when to hold back, and the loop's work.

`schedule`, `quiet`, `restraint`, `deciding`, `spreading` and `reading` are pure. `diary` is what
a person changes, `rounds` what the clock does; both work on `storage` and say nothing to anybody:
the words are given by whoever calls them.
"""
