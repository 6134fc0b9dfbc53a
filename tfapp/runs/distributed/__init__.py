"""Data-parallel training: several processes, on one machine or many, that make each step together."""
