"""The tables and the figure of the source, on data that one has."""
