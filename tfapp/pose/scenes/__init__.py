"""Depth images of parts: the folder format, its readers, and points from them."""
