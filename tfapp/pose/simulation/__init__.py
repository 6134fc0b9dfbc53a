"""Depth images of parts that were dropped into a bin: shapes, physics, ray casting."""
