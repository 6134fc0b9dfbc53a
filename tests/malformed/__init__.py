"""A generator of malformed inputs for every command; `python -m tests.malformed --help` runs it."""
