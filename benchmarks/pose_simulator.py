"""Scenes a second of the simulator: two parts in a bin, 224x224 pixels of depth with labels, as files.

For every built-in part first what a scene costs one process in processor time, drop, ray casting and files apart and
together; then the time of a scene in a folder that one process fills, and two, from when the first scenes are written,
because a process needs seconds to begin, whatever it does then. The lower quartile of stretches of 32 scenes counts.
"ours" is our time of a scene, "other" that of 30 scenes a second; the target is for as many processes as there are
cores, two at most.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from harness import Comparison

from tfapp.pose.simulation.parts import BUILT_IN
from tfapp.pose.simulation.physics import DropWorld
from tfapp.pose.simulation.ray_casting import DepthCaster
from tfapp.pose.simulation.simulate import simulate_scenes, write_scene
from tfapp.pose.simulation.simulator import Scene, SceneSettings, random_view

SCENES_A_SECOND = 30
STRETCH = 32


def sections(options):
    """Yield the title and the function, to a list of comparisons, of every section."""
    for name, build in BUILT_IN.items():
        settings = SceneSettings(build(), options.instances, options.size)
        yield (
            f"{name}, processor time",
            lambda name=name, settings=settings: apart(name, settings, options.scenes),
        )
        for processes in (1, 2):
            target = 1.0 if processes == min(2, os.cpu_count()) else None
            arguments = name, settings, options.scenes, processes, target
            yield f"{name}, {processes} process(es)", lambda arguments=arguments: [whole(*arguments)]


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
