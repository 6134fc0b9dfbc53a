"""Wu, 2020, chapter 4: object models and poses from depth."""
