"""Region proposals: boxes that may hold an object, from selective search, dense anchors, or other people's files."""
