"""Kill commands at random moments, have them resume, and compare what they leave with that of an unbroken run.

    python tests/kills.py --kills 50 --out kills        # all commands in turn; about an hour on two cores
    python tests/kills.py --kills 6 --only train,export --out kills

Each command is first run twice unbroken. What differs between these two, such as the date of a record, says nothing;
it is printed once. Everything else must be the same to the last bit in the folder of a killed run, and no other file
may be there. The script ends with exit code 1 if anything differs.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from written import CASES, LONG, STEPS, contents, differences, write_photos

TFAPP = [sys.executable, "-m", "tfapp"]


def main():
    """Run the cases and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="kills in all, over the commands in turn")
    parser.add_argument("--only", default=",".join(LONG), help="commands, comma-separated")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, required=True, help="folder to work in; it must not exist")
    given = parser.parse_args()
    names = given.only.split(",")
    unknown = set(names) - set(CASES)
    if unknown:
        parser.error(f"unknown command {unknown.pop()!r}; choose from {', '.join(CASES)}")
    given.out.mkdir(parents=True)
    moments, failures = np.random.default_rng(given.seed), 0
    for index, name in enumerate(names):
        count = len(range(index, given.kills, len(names)))
        failures += try_case(name, CASES[name], given.out / name.replace(" ", "-"), count, moments)
    print(f"{given.kills} kills, {failures} with another result")
    return int(failures > 0)


def try_case(name, case, folder, count, moments):
    """Kill one command `count` times and return how often its result was another."""
    start, whole = folder / "start", folder / "whole"
    start.mkdir(parents=True)
    write_photos(start / "photos")
    for command in case.before:
        if command in STEPS:
            STEPS[command](start)
        else:
            run(command, start)
    trees, seconds = [], []
    for place in (whole, folder / "again"):
        shutil.copytree(start, place)
        begun = time.monotonic()
        run(case.command, place)
        seconds.append(time.monotonic() - begun)
        trees.append(contents(place))
    expected = {key: value for key, value in trees[0].items() if trees[1].get(key) == value}
    changing = sorted((trees[0].keys() | trees[1].keys()) - expected.keys())
    print(f"{name}: {min(seconds):.1f} s; not compared: {', '.join(changing) or 'nothing'}", flush=True)
    failures = 0
    for attempt in range(count):
        place = folder / f"killed-{attempt}"
        shutil.copytree(start, place)
        moment = moments.uniform(case.quiet, 1) * min(seconds)
        ended = kill(case.command, place, moment)
        if not (case.made and (place / case.made).exists()):
            run(case.command, place)
        wrong = differences(expected, changing, contents(place))
        failures += bool(wrong)
        verdict = "the same" if not wrong else "DIFFERENT: " + ", ".join(wrong[:8])
        print(f"  {'ended before' if ended else 'killed after'} {moment:.1f} s: {verdict}", flush=True)
    return failures


def run(command, folder):
    """Run a command to its end, and end this script if it fails."""
    done = subprocess.run([*TFAPP, *command.split()], cwd=folder, capture_output=True, text=True, env=quiet())
    if done.returncode:
        sys.exit(f"tfapp {command} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")


def kill(command, folder, moment):
    """Start a command, kill it with its children after so many seconds, and return whether it had ended before."""
    process = subprocess.Popen(
        [*TFAPP, *command.split()],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=quiet(),
        start_new_session=True,
    )
    try:
        process.wait(moment)
        return True
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False


def quiet():
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}


if __name__ == "__main__":
    sys.exit(main())
