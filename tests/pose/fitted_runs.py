"""Runs whose object model is known, without any training: of given points, or of a mesh file."""

from tests.pose.posed_scenes import write_scenes
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.fitted_run import FitConfig, begin_fit
from tfapp.pose.refinement.alternation import RefinedModel
from tfapp.pose.refinement.fusion import VOXEL, voxel_means
from tfapp.pose.refinement.nearest_field import extent_of
from tfapp.pose.refinement.refined_run import keep_model
from tfapp.pose.scenes.mesh_files import read_mesh
from tfapp.pose.simulation.part_files import UNITS


def surface_points(vertices, triangles, count=40_000):
    """Return points of a mesh's surface as the model of a known part has them, (m, 3)."""
    surface = CadSurface(vertices, triangles)
    return surface.nearest(voxel_means([surface.sample(count)], VOXEL * surface.extent))


def run_of_points(folder, points):
    """Make a run of `pose fit` whose model has grown to these points; return its folder."""
    scenes = write_scenes(folder / "scenes", 2)
    run = begin_fit(scenes, folder / "run", FitConfig(instances="2", held_out=0.5))
    keep_model(run, RefinedModel(points, extent_of(points)))
    return run.path


def run_of_mesh(folder, path, units="m"):
    """Make a run of `pose fit --cad`; return its folder."""
    scenes = write_scenes(folder / "scenes", 2)
    run = begin_fit(scenes, folder / "run", FitConfig(instances="2", cad=path, units=units))
    vertices, triangles = read_mesh(path)
    points = surface_points(UNITS[units] * vertices, triangles)
    keep_model(run, RefinedModel(points, extent_of(points)))
    return run.path
