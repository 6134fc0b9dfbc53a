"""The bin: a square floor at z = 0 with its centre at the origin, inside four low walls."""

from tfapp.pose.simulation.solids import cap, mesh_of, rectangle, ring, side

# Of the floor's half-width.
HEIGHT, THICKNESS = 0.3, 0.05
# The floor's half-width, of the largest side of a part: two bolts then lie so near that K-means reaches an F1 of
# about 0.92 and three of 0.85, near the text's 0.89 and 0.79.
ROOM = 1.4


def bin_mesh(half_width):
    """Return the surface of the bin that is seen: vertices (v, 3) in metres, triangles (t, 3)."""
    height = HEIGHT * half_width
    inner, outer = (rectangle(2 * width, 2 * width) for width in (half_width, (1 + THICKNESS) * half_width))
    walls = [side(inner[::-1], 0, height), side(outer, 0, height), ring(outer, inner, height, up=True)]
    return mesh_of(cap(inner, 0, up=True), *walls)


def wall_boxes(half_width):
    """Return the centre and the half sizes, both (3,) in metres, of the box that each wall is."""
    thick, high = THICKNESS * half_width / 2, HEIGHT * half_width / 2
    away, along = half_width + thick, half_width + 2 * thick
    across, beside = (thick, along, high), (along, thick, high)
    centres = (away, 0, high), (-away, 0, high), (0, away, high), (0, -away, high)
    return list(zip(centres, (across, across, beside, beside), strict=True))
