"""Closed surface of the object model of a run: the mesh of a known part, or what is made of a fused model's points."""

import numpy as np

from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.pose.cad_file import another_mesh, unchanged_mesh
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.libraries import import_open3d
from tfapp.pose.model_surface import ModelSurface, closed_surface, is_watertight
from tfapp.pose.refinement.fusion import VOXEL
from tfapp.pose.scenes.mesh_files import enclosed_volume, open3d_mesh

# Points of a known part's model lie on its mesh; if one is farther from it, in voxels, the file has changed. That is
# all that tells it of runs without a hash of the mesh.
_STILL = 0.5


def object_surface(predictor):
    """Return the `ModelSurface` of what tells the poses of a run, in the frame that they lead from.

    The mesh file of a known part counts itself where it is closed.

    Args:
        predictor: `Predictor`.

    Raises:
        InputError: The run is not refined, its mesh file cannot be read or is another one now, or no closed surface
            can be made.
    """
    model, run = predictor.refined, predictor.run
    if model is None:
        raise InputError(
            f"{run.path} is not refined, and points that a network learned are no surface; run "
            f"`tfapp pose refine {run.typed_path}` first."
        )
    voxel = VOXEL * model.extent
    cad = run.config.get("cad")
    known = None if cad is None else _closed_mesh(*unchanged_mesh(cad, run.path))
    if known is None:
        return closed_surface(model.points, voxel)
    surface = CadSurface(*known)
    if surface.distance(model.points).max() > _STILL * voxel:
        raise another_mesh(cad, run.path)
    return ModelSurface(*known, model.points, _normals_at(model.points, surface), voxel)


def write_points(path, points, normals):
    """Write points and normals, both (m, 3), as PLY, by write-then-rename."""
    open3d = import_open3d()
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    cloud.normals = open3d.utility.Vector3dVector(normals)
    with atomic_path(path) as temporary:
        if not open3d.io.write_point_cloud(str(temporary), cloud):
            raise OSError(f"{path} cannot be written.")


def _closed_mesh(vertices, triangles):
    """Return vertices in metres and triangles of a closed mesh, turned outward; None of one that is not closed."""
    # STL names every corner anew.
    mesh = open3d_mesh(vertices, triangles).remove_duplicated_vertices().remove_degenerate_triangles()
    vertices, triangles = np.asarray(mesh.vertices), np.asarray(mesh.triangles, np.int64)
    if not len(triangles) or not is_watertight(vertices, triangles):
        return None
    return vertices, triangles if enclosed_volume(vertices, triangles) > 0 else triangles[:, ::-1]


def _normals_at(points, surface):
    found = surface.ray_casting_scene().compute_closest_points(points.astype(np.float32))
    return found["primitive_normals"].numpy().astype(np.float64)
