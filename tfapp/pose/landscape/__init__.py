"""The loss over the rotations of one part, around its true pose."""
