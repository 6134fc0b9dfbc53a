"""Record of a folder of scenes: whether it may hold those of these settings, and what is written before the first."""

import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np

from tfapp import __version__
from tfapp.errors import InputError, changes
from tfapp.files import write_json
from tfapp.pose.scenes.camera import write_camera
from tfapp.pose.scenes.mesh_files import write_mesh
from tfapp.pose.scenes.regions import REGION, REGIONS, write_region
from tfapp.pose.scenes.scene_record import FORMAT, RECORD, mesh_hash, read_record
from tfapp.pose.simulation.part_files import write_pieces
from tfapp.pose.simulation.sensors import IDEAL
from tfapp.pose.simulation.simulator import common_region
from tfapp.runs.record import other_settings

PIECES = Path("truth") / "pieces.npz"
_OWN = ("camera.json", RECORD, "scenes.png", "depth", "mask", REGION, REGIONS, "truth")
_DECISIVE = (
    "part",
    "mesh",
    "instances",
    "size",
    "tilt",
    "seed",
    "bin",
    "sensor",
    "effects",
    "true_mask",
    "parameters",
)
# What a record without them means: they are younger than the first folders.
_BEFORE = {"sensor": IDEAL, "effects": [], "true_mask": True, "parameters": {}}
# Settings whose values tell a person nothing, and what they are called.
_UNSAID = {"mesh": "the mesh of the part", "parameters": "the parameters of the sensor"}
# Of folders as there were before sensors, which a tfapp of then may add scenes to, and of others.
_IDEAL_VERSION, _SENSOR_VERSION = 1, 2


def record_of(settings, count, command=None) -> dict:
    """Return what `scenes.json` says.

    Args:
        settings: `SceneSettings`.
        count: Scenes in the folder once it is whole.
        command: The command line, if there was one.
    """
    sensor = settings.sensor
    ideal = sensor is None and settings.true_mask
    return {
        "format": FORMAT,
        "version": _IDEAL_VERSION if ideal else _SENSOR_VERSION,
        "command": command,
        "part": settings.part.name,
        "mesh": mesh_hash(settings.part.vertices, settings.part.triangles),
        "instances": settings.instances,
        "size": settings.size,
        "tilt": settings.tilt,
        "seed": settings.seed,
        "bin": settings.half_width,
        "sensor": IDEAL if sensor is None else sensor.name,
        "effects": [] if sensor is None else list(sensor.effects),
        "parameters": {} if sensor is None else sensor.parameters,
        "true_mask": settings.true_mask,
        "camera_distance": settings.distance,
        "symmetries": [np.asarray(matrix).round(12).tolist() for matrix in settings.part.symmetries],
        "count": count,
        "versions": {"tfapp": __version__} | {name: version(name) for name in ("mujoco", "numpy")},
    }


def check_folder(path, record, overwrite) -> None:
    """Raise InputError if a folder holds something else than scenes of these settings, or more of them.

    With `overwrite` only what no simulation wrote is refused.
    """
    if path.is_file():
        raise InputError(f"{path} is a file; expected a folder for the scenes.")
    if not path.is_dir() or not any(path.iterdir()):
        return
    if not (path / RECORD).is_file():
        raise InputError(f"{path} holds other files than simulated scenes; choose another folder.")
    if overwrite:
        return
    stored = read_record(path)
    then, now = _decisive(stored), _decisive(record)
    changed = other_settings(now, then)
    if changed:
        raise InputError(
            f"{path} holds scenes of other settings; changed: {changes(changed, then, now, _UNSAID.values())}. Choose "
            "another folder, or start again with `overwrite`."
        )
    if stored["count"] > record["count"]:
        raise InputError(
            f"{path} holds {stored['count']} scenes, more than {record['count']}; choose another folder, or start "
            "again with `overwrite`."
        )


def _decisive(record):
    return {_UNSAID.get(name, name): record.get(name, _BEFORE.get(name)) for name in _DECISIVE}


def begin(path, settings, record, overwrite) -> None:
    """Write all but the scenes themselves; with `overwrite` first remove what an earlier simulation wrote."""
    if overwrite:
        _remove(path)
    # First, so that a folder which was killed before the rest is one to go on with.
    write_json(path / RECORD, record)
    write_camera(settings.camera(), path / "camera.json")
    region = common_region(settings)
    if region is not None:
        write_region(path / REGION, region)
    write_mesh(path / "truth" / "object.ply", settings.part.vertices, settings.part.triangles)
    write_pieces(settings.part.pieces, path / PIECES)


def _remove(path):
    for name in _OWN:
        if (path / name).is_dir():
            shutil.rmtree(path / name)
        else:
            (path / name).unlink(missing_ok=True)
