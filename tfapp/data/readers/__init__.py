"""Readers of datasets in their official layouts, of people's own folders, and the generated ones."""
