"""Scenes made by several processes; which of them makes a scene changes nothing in it."""

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from tfapp.errors import WorkFailed
from tfapp.pose.simulation.scene_writer import write_scene
from tfapp.pose.simulation.simulator import Simulator

# What a process takes at a time: short, so that progress is seen and Ctrl-C is soon obeyed.
_SHARE = 8
# A process needs seconds to begin; one with fewer shares than this is not worth them.
_FEWEST_SHARES = 4

_simulator = None


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
            progress(_make(path, share))
        return
    # Forked processes would inherit the threads of whoever calls, in whatever state they are.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, _begin, (settings,))
    try:
        for future in as_completed([pool.submit(_make, path, share) for share in shares]):
            progress(future.result())
    except BrokenProcessPool:
        raise WorkFailed(
            "A process of the simulation ended by force, perhaps for want of memory; run the same command again, with "
            "fewer --processes."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(settings):
    # Ctrl-C reaches all processes of a terminal; the one that waits for them decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prepare(settings)


def _prepare(settings):
    global _simulator
    _simulator = Simulator(settings)


def _make(path, numbers):
    for number in numbers:
        write_scene(path, number, _simulator.scene(number))
    return len(numbers)
