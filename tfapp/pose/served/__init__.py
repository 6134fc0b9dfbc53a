"""Refined poses of a request, as a graph of TensorFlow's operations alone."""
