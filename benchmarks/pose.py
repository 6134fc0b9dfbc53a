"""Models and poses side by side: the layers beside their peers, the simulator beside its target.

    python -m pip install -e ".[pose]"
    python benchmarks/pose.py [--quick] [--threads 2] [--repetitions 15] [--scenes 200] [--instances 2] [--size 224]
                              [--json FILE]

First the Chamfer distance and the removal of hidden points (`pose_layers.py`), then scenes a second of the simulator
for every built-in part (`pose_simulator.py`); each says what it compares. Contenders take turns and are compared by
their lower quartiles. Exit code 1 if a target is missed. `--quick` shows in two minutes that it runs.
"""

import sys

import harness
import pose_layers
import pose_simulator


def main(argv=None):
    options = parse(argv)
    harness.use_threads(options.threads)
    return harness.run([*pose_layers.sections(options), *pose_simulator.sections(options)], options)


def parse(argv):
    parser = harness.parser(__doc__, threads=2, repetitions=15)
    parser.add_argument(
        "--scenes", type=int, default=200, help="of each measurement of the simulator (default: 200)"
    )
    parser.add_argument("--instances", type=int, default=2, help="parts in a scene (default: 2)")
    parser.add_argument("--size", type=int, default=224, help="height and width in pixels (default: 224)")
    options = parser.parse_args(argv)
    if options.quick:
        # Two processes of the simulator begin with 64 scenes.
        options.repetitions, options.scenes = 3, 64
    return options


if __name__ == "__main__":
    sys.exit(main())
