"""The dissertation's tables of poses: what is trained for them, and how results become rows."""
