"""Directions in weight space: how they are made, normalised, kept, and what they lead to."""
