"""The commands behind `pica`, a module for each kind of work.

Knows nothing of how things are done: a command builds settings, calls one part and turns
its errors into one line that says what to do.
"""
