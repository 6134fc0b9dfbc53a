"""Object detection: boxes around objects."""
