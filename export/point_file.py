"""Points in a PLY file, which every viewer of point clouds opens."""

import numpy as np


def ply_text(points):
    """Return `points` `(m, 3)` in metres as the text of a PLY file of float32."""
    header = (
        "ply\nformat ascii 1.0\ncomment metres\n"
        f"element vertex {len(points)}\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    )
    # Nine digits give every float32 back.
    rows = ("{:.9g} {:.9g} {:.9g}\n".format(*point) for point in np.asarray(points, np.float32))
    return header + "".join(rows)
