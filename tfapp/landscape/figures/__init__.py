"""Surfaces and sharpness as pictures, pages and files for other programs."""
