"""Scores of detectors: matching, average precision, errors by kind, confusion, and what shows them."""
