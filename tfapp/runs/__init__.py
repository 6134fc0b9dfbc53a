"""Runs: the folder that a command leaves behind, and the one engine that trains in it and resumes."""
