"""A folder of simulated scenes: begun, or gone on with."""

from dataclasses import replace
from pathlib import Path

from tfapp.errors import InputError
from tfapp.pose.libraries import import_mujoco, import_open3d
from tfapp.pose.scenes.scene_folder import SceneFolder
from tfapp.pose.simulation.convex_pieces import with_convex_pieces
from tfapp.pose.simulation.folder_record import PIECES, begin, check_folder, record_of
from tfapp.pose.simulation.part_files import part_from_file
from tfapp.pose.simulation.parts import BUILT_IN, Part
from tfapp.pose.simulation.scene_picture import save_scenes_png
from tfapp.pose.simulation.scene_processes import make_scenes
from tfapp.pose.simulation.scene_writer import is_complete

_MOST_SCENES = 100_000


def part_named(name, units=None) -> Part:
    """Return a built-in part, or the part in a mesh file.

    Args:
        name: nut, bolt, l-bracket, camera-head, or the path of an STL, OBJ or PLY file.
        units: Of the file: m, cm, mm or inch.

    Raises:
        InputError: There is neither, or `part_from_file` refuses it.
    """
    if name in BUILT_IN:
        if units is not None:
            raise InputError(f"--units is for mesh files; the part {name} is in metres.")
        return BUILT_IN[name]()
    if not Path(name).suffix:
        raise InputError(
            f"Unknown part {name!r}; choose {', '.join(BUILT_IN)}, or name a .stl, .obj or .ply file."
        )
    return part_from_file(name, units)


def simulate_scenes(settings, path, scenes, *, processes=1, overwrite=False, command=None, progress=None):
    """Write simulated scenes into a folder, or those that it does not have yet.

    A scene depends on the settings and its number only, not on the number of processes or on where work was broken off.
    More than one process needs a script whose own work is behind `if __name__ == "__main__"`.

    Args:
        settings: `SceneSettings`.
        path: The folder.
        scenes: How many it shall hold, 1 to 100,000.
        processes: How many work at a time.
        overwrite: Start again, removing the scenes in the folder.
        command: The command line, to be noted.
        progress: Function of (done, total).

    Returns:
        The `SceneFolder`; its picture is `scenes.png`.

    Raises:
        InputError: A library is missing, or the folder holds something else. Nothing was written.
        WorkFailed: A scene could not be made.
    """
    path = Path(path)
    for need in (import_open3d, import_mujoco):
        need()
    if not 1 <= scenes <= _MOST_SCENES:
        raise InputError(f"Number of scenes must be from 1 to {_MOST_SCENES}. Received: {scenes}.")
    record = record_of(settings, scenes, command)
    check_folder(path, record, overwrite)
    part = with_convex_pieces(settings.part, None if overwrite else path / PIECES)
    settings = replace(settings, part=part)
    begin(path, settings, record, overwrite)
    missing = [number for number in range(scenes) if not is_complete(path, number)]
    _make(settings, path, missing, scenes, processes, progress or (lambda done, total: None))
    folder = SceneFolder(path)
    save_scenes_png(folder, path / "scenes.png")
    return folder


def _make(settings, path, missing, scenes, processes, progress):
    done = scenes - len(missing)
    progress(done, scenes)

    def advance(count):
        nonlocal done
        done += count
        progress(done, scenes)

    make_scenes(settings, path, missing, processes, advance)
