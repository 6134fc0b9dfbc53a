"""Reproductions of the papers' tables and figures; nothing imports this room but the command line."""
