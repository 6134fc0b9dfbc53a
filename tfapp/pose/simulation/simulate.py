"""A folder of simulated scenes: begun or resumed, by several processes."""

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from tfapp.claims import claiming
from tfapp.errors import InputError, WorkFailed
from tfapp.files import atomic_path, remove_abandoned, write_json
from tfapp.pose.libraries import import_mujoco, import_open3d
from tfapp.pose.scenes.regions import REGIONS, write_region
from tfapp.pose.scenes.scene_folder import SceneFolder
from tfapp.pose.simulation.folder_record import PIECES, begin, check_folder, record_of
from tfapp.pose.simulation.part_files import part_from_file, with_convex_pieces
from tfapp.pose.simulation.parts import BUILT_IN, Part
from tfapp.pose.simulation.scene_picture import save_scenes_png
from tfapp.pose.simulation.simulator import Simulator
from tfapp.report.figures import save_image

_MOST_SCENES = 100_000
# What a process takes at a time: short, so that progress is seen and Ctrl-C is soon obeyed.
_SHARE = 8
# A process needs seconds to begin; one with fewer shares than this is not worth them.
_FEWEST_SHARES = 4
# Of a process: what makes its scenes, and the event that tells it to end.
_simulator = _stop = None


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
            raise InputError(f"`units` is for mesh files; the part {name} is in metres.")
        return BUILT_IN[name]()
    if not Path(name).suffix:
        raise InputError(
            f"Unknown part {name!r}; choose {', '.join(BUILT_IN)}, or name a .stl, .obj or .ply file."
        )
    return part_from_file(name, units)


@claiming("path")
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
    for folder in ("depth", "mask", REGIONS, "truth/labels", "truth/poses"):
        remove_abandoned(path / folder)
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


def make_scenes(settings, path, numbers, processes, progress) -> None:
    """Make and write the scenes of these numbers.

    Args:
        settings: `SceneSettings`.
        path: Folder of the scenes.
        numbers: List of them.
        processes: How many work, at most; this one alone if it is one or there is little to do.
        progress: Function of the number of scenes that were just written, called now and then.

    Raises:
        WorkFailed: A scene failed too often, or a process ended by force.
    """
    shares = [numbers[start : start + _SHARE] for start in range(0, len(numbers), _SHARE)]
    processes = min(processes, len(shares) // _FEWEST_SHARES)
    if processes <= 1:
        _prepare(settings)
        for share in shares:
            progress(_make_scenes(path, share))
        return
    # Forked processes would inherit the threads of whoever calls, in whatever state they are.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(processes, context, _begin, (settings, stop))
    try:
        for future in as_completed([pool.submit(_make_scenes, path, share) for share in shares]):
            progress(future.result())
    except BrokenProcessPool:
        raise WorkFailed(
            "A process of the simulation ended by force, perhaps for want of memory; run the same command again, with "
            "fewer `processes`."
        ) from None
    finally:
        # What waits in the pool is cancelled, but not what was handed to a process already.
        stop.set()
        pool.shutdown(cancel_futures=True)


def _begin(settings, stop):
    global _stop
    _stop = stop
    # Ctrl-C reaches all processes of a terminal, SIGTERM often those of a service; the one that waits for them decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave_to_parent)
    _prepare(settings)


def _leave_to_parent(number, frame):
    # A parent that was killed decides nothing.
    if not multiprocessing.parent_process().is_alive():
        os._exit(128 + number)


def _prepare(settings):
    global _simulator
    _simulator = Simulator(settings)


def _make_scenes(path, numbers):
    for number in numbers:
        if _stop is not None and _stop.is_set():
            break
        write_scene(path, number, _simulator.scene(number), _simulator.true_mask)
    return len(numbers)


def stem_of(number):
    return f"{number:05d}"


def is_complete(path, number):
    """Return whether a folder has all of a scene: its poses are written last."""
    return _poses(path, number).is_file()


def write_scene(path, number, scene, true_mask=True) -> None:
    """Write a scene into a folder as `SceneFolder` reads it, with a mask of its parts or without."""
    stem = stem_of(number)
    with atomic_path(path / "depth" / f"{stem}.npy") as temporary:
        np.save(temporary, scene.view.depth)
    if true_mask:
        mask = np.where(scene.view.labels, 255, 0).astype(np.uint8)
        save_image(Image.fromarray(mask), path / "mask" / f"{stem}.png")
    if scene.region is not None:
        write_region(path / REGIONS / f"{stem}.png", scene.region)
    save_image(Image.fromarray(scene.view.labels), path / "truth" / "labels" / f"{stem}.png")
    poses = {"rotation": scene.rotation.tolist(), "translation": scene.translation.tolist()}
    write_json(_poses(path, number), poses)


def _poses(path, number):
    return path / "truth" / "poses" / f"{stem_of(number)}.json"
