"""A mesh as it looks along a direction without perspective."""

import numpy as np

from tfapp.pose.evaluation.cad_surface import CadSurface

_PIXELS = 420
# Towards the light, in the frame of the view: from above on the left, behind the viewer.
_LIGHT = np.array([-0.35, 0.5, 0.79])
_DARKEST = 0.35


def shade_mesh(surface: CadSurface, to_view, reach, pixels=_PIXELS) -> np.ndarray:
    """Return how bright a mesh is in each pixel, by ray casting.

    Args:
        surface: The mesh.
        to_view: Function from points (n, 3) of the mesh's frame to the view's: x to the right, y up, z towards
            the viewer; a rotation and a translation.
        reach: Half the width of the picture, metres.
        pixels: Its width and height.

    Returns:
        float64 (pixels, pixels), the first row the uppermost, from 0.35 to 1 on the mesh and NaN beside it.
    """
    origin, *axes = to_view(np.concatenate([np.zeros((1, 3)), np.eye(3)]))
    to_mesh = (np.array(axes) - origin).T  # its rows are the axes of the view
    ends = reach * (np.arange(pixels) + 0.5 - pixels / 2) / (pixels / 2)
    x, y = np.meshgrid(ends, ends[::-1])
    away = 4 * (reach + surface.extent)
    starts = np.stack([x, y, np.full_like(x, away)], axis=-1) - origin
    rays = np.concatenate([starts @ to_mesh, np.broadcast_to(-to_mesh[2], starts.shape)], axis=-1)
    hits = surface.ray_casting_scene().cast_rays(rays.astype(np.float32))
    normals = hits["primitive_normals"].numpy() @ to_mesh.T
    # Whichever way round the corners of a triangle are, what is seen of it looks at the viewer.
    normals *= np.where(normals[..., 2:] < 0, -1, 1)
    bright = _DARKEST + (1 - _DARKEST) * np.clip(normals @ _LIGHT, 0, 1)
    return np.where(np.isfinite(hits["t_hit"].numpy()), bright, np.nan)
