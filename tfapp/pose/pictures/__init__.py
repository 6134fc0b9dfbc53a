"""Learned models, scenes and trainings as pictures, and a page to turn them on."""
