"""Mesh file of a known part, as the run that was fitted to it keeps it: where it is, its units, and a hash of it."""

from pathlib import Path

from tfapp.errors import InputError
from tfapp.pose.scenes.mesh_files import read_mesh
from tfapp.pose.scenes.scene_record import mesh_hash
from tfapp.pose.simulation.part_files import UNITS
from tfapp.records import Entries, Text

# Older runs have no hash.
CAD_ENTRIES = Entries({"path": Text(), "units": Text()}, {"mesh": Text()})


def cad_entry(path, units):
    """Return what `run.json` keeps of a mesh file.

    Raises:
        InputError: No mesh can be read.
    """
    path = str(Path(path).resolve())
    return {"path": path, "units": units, "mesh": mesh_hash(*metric_mesh(path, units))}


def metric_mesh(path, units):
    """Return vertices float64 (v, 3) in metres and triangles int32 (t, 3) of a file.

    Raises:
        InputError: No mesh can be read.
    """
    vertices, triangles = read_mesh(path)
    return vertices * UNITS[units], triangles


def unchanged_mesh(cad, run_path):
    """Return the `metric_mesh` that a run was fitted to.

    Args:
        cad: What `run.json` keeps of its file.
        run_path: Folder of the run.

    Raises:
        InputError: The file cannot be read, or holds another mesh now.
    """
    mesh = metric_mesh(cad["path"], cad["units"])
    if "mesh" in cad and mesh_hash(*mesh) != cad["mesh"]:
        raise another_mesh(cad, run_path)
    return mesh


def another_mesh(cad, run_path):
    """Return the InputError that says so."""
    return InputError(
        f"{cad['path']} has another mesh, or in another place, than when {run_path} was fitted to it; restore it, or "
        "fit again with another `out` or with `overwrite`."
    )
