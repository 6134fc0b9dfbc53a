"""Wu, 2020, chapter 5: feature transfer for low-resolution images."""
