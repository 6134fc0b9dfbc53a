"""Models and poses side by side: the layers beside their peers, then the simulator beside its target.

    python benchmarks/pose.py [--quick] [--json FILE]

What `pose_layers.py` and `pose_simulator.py` measure, in one table; each says what it compares. Exit code 1 if a target
is missed. `--quick` shows in two minutes that it runs.
"""

import argparse
import sys
import time
from pathlib import Path

import pose_layers
import pose_simulator
from ratios import report


def main(argv=None):
    options = parse(argv)
    quick = ["--quick"] if options.quick else []
    start = time.perf_counter()
    comparisons = [
        comparison
        for module in (pose_layers, pose_simulator)
        for comparison in module.measure(module.parse(quick), start)
    ]
    return report(comparisons, start, options.quick, options.json)


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="small clouds and few scenes, to see that it runs"
    )
    parser.add_argument("--json", type=Path, help="also write the comparisons to this file")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
