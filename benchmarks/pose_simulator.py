"""Scenes a second of the simulator: two parts in a bin, 224x224 pixels of depth with labels, as files.

    python benchmarks/pose_simulator.py [--quick] [--scenes 200] [--instances 2] [--size 224] [--json FILE]

For every built-in part first what a scene costs one process in processor time, drop, ray casting and files apart and
together; then the time of a scene in a folder that one process fills, and two, from when the first scenes are written,
because a process needs seconds to begin, whatever it does then. The load of a shared machine changes from minute to
minute: the lower quartile of stretches of 32 scenes counts. "ours" is our time of a scene, "other" that of 30 scenes a
second. Exit code 1 if the processor time is longer, or the time with as many processes as there are cores, two at most.
`--quick` shows in a minute that it runs.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ratios import Comparison, report

from tfapp.pose.simulation.parts import BUILT_IN
from tfapp.pose.simulation.physics import DropWorld
from tfapp.pose.simulation.ray_casting import DepthCaster
from tfapp.pose.simulation.simulate import simulate_scenes, write_scene
from tfapp.pose.simulation.simulator import Scene, SceneSettings, random_view

SCENES_A_SECOND = 30
STRETCH = 32


def main(argv=None):
    options, start = parse(argv), time.perf_counter()
    return report(measure(options, start), start, options.quick, options.json)


def measure(options, start):
    """Return the comparisons of every part; `start` is the time that progress counts from."""
    comparisons = []
    for name, build in BUILT_IN.items():
        settings = SceneSettings(build(), options.instances, options.size)
        comparisons += apart(name, settings, options.scenes)
        for processes in (1, 2):
            print(f"{time.perf_counter() - start:4.0f} s  {name}, {processes} process(es)", flush=True)
            target = 1.0 if processes == min(2, os.cpu_count()) else None
            comparisons.append(whole(name, settings, options.scenes, processes, target))
    return comparisons


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=200, help="of each measurement (default: 200)")
    parser.add_argument("--instances", type=int, default=2, help="parts in a scene (default: 2)")
    parser.add_argument("--size", type=int, default=224, help="height and width in pixels (default: 224)")
    parser.add_argument("--quick", action="store_true", help="few scenes, to see that it runs")
    parser.add_argument("--json", type=Path, help="also write the comparisons to this file")
    options = parser.parse_args(argv)
    if options.quick:
        # Two processes begin with 64 scenes.
        options.scenes = 64
    return options


def apart(name, settings, scenes):
    """Return the processor time of the three steps, repetitions of drops that failed included."""
    world = DropWorld(settings.part, settings.instances, settings.half_width)
    caster = DepthCaster(settings.part, settings.half_width, settings.camera())
    drops, drop_seconds = timed(lambda number: world.drop(np.random.default_rng(number)), range(scenes))
    drops = [drop for drop in drops if drop is not None]

    def look(drop):
        turn, shift = random_view(settings.half_width, settings.cone, np.random.default_rng(0))
        rotation, translation = turn @ drop.rotation, drop.translation @ turn.T + shift
        return Scene(caster.cast((turn, shift), rotation, translation), rotation, translation)

    seen, cast_seconds = timed(look, drops)
    with tempfile.TemporaryDirectory() as folder:
        _, file_seconds = timed(lambda pair: write_scene(Path(folder), *pair), list(enumerate(seen)))
    steps = {"drop": drop_seconds, "ray casting": cast_seconds, "files": file_seconds}
    lines = [compared(f"{name}: {step}", seconds / len(drops)) for step, seconds in steps.items()]
    return [*lines, compared(f"{name}: processor time", sum(steps.values()) / len(drops), 1.0)]


def timed(function, arguments):
    start = time.process_time()
    results = [function(argument) for argument in arguments]
    return results, time.process_time() - start


def whole(name, settings, scenes, processes, target):
    """Return the time of a scene: the lower quartile of stretches of 32, from when the first are done."""
    moments = []
    with tempfile.TemporaryDirectory() as folder:
        simulate_scenes(
            settings,
            folder,
            scenes,
            processes=processes,
            progress=lambda done, total: moments.append((done, time.perf_counter())),
        )
    done, at = np.array(moments[1:]).T
    places = np.arange(done[0], done[-1] + 1, STRETCH)
    seconds = np.quantile(np.diff(np.interp(places, done, at)) / STRETCH, 0.25)
    return compared(f"{name}: a scene, {processes} process(es)", seconds, target)


def compared(claim, seconds, target=None):
    return Comparison(claim, 1e3 * float(seconds), 1e3 / SCENES_A_SECOND, "ms", target)


if __name__ == "__main__":
    sys.exit(main())
