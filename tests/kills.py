"""Kill commands at random moments, have them resume, and compare what they leave with that of an unbroken run.

    python tests/kills.py --kills 50 --out kills        # all commands in turn; about an hour on two cores
    python tests/kills.py --kills 6 --only train,export --out kills

Each command is first run twice unbroken. What differs between these two, such as the date of a record, says nothing;
it is printed once. Everything else must be the same to the last bit in the folder of a killed run, and no other file
may be there. The script ends with exit code 1 if anything differs.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

TFAPP = [sys.executable, "-m", "tfapp"]
NET = "--base-width 4 --depth 2 --steps-per-epoch 6 --batch-size 2"


@dataclass(frozen=True)
class Case:
    """A command that makes something.

    Attributes:
        command: What is typed after `tfapp`, in a folder of its own.
        before: Commands that make what it needs; they run unbroken.
        quiet: Share of its time, at the start, in which nothing is killed: Python and TensorFlow load.
        made: What appears all at once when it has done its work, and would be made a second time if it ran again.
    """

    command: str
    before: tuple[str, ...] = ()
    quiet: float = 0.3
    made: str | None = None


TRAIN = f"train cells:12:64 --out run --epochs 6 {NET}"
SCENES = "pose simulate --part nut --out scenes --instances 1 --scenes 6 --size 48 --processes 2"
CASES = {
    "train": Case(TRAIN),
    "landscape": Case("landscape run --n 9 --exact --samples 4", (TRAIN,)),
    "simulate": Case(SCENES, quiet=0.1),
    "pose train": Case(
        "pose train scenes --out poses --epochs 8 --points 32 --observed 32 --size 32 --batch-size 2",
        (SCENES,),
    ),
    "transfer train": Case(
        "transfer train labels:photos --out transfer --backbone photos/backbone.keras --layer features --high 16 "
        "--low 8 --clusters 4 --hidden 8 --iterations 400 --batch-size 4"
    ),
    "solvers": Case(
        "solvers compare digits:200 --out solvers --model lenet-5 --solvers bpgrad,adam --seeds 0 --epochs 2 "
        "--grid-epochs 0"
    ),
    "export": Case("export run served", (TRAIN,), made="served/1"),
}


def main():
    """Run the cases and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="kills in all, over the commands in turn")
    parser.add_argument("--only", default=",".join(CASES), help="commands, comma-separated")
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


def contents(folder):
    """Return the digest of every part of every file, by `path` or `path: part`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found[name] = "there"
            found |= {f"{name}: {part}": value for part, value in parts(path.name, path.read_bytes())}
    return found


def parts(name, data):
    """Yield the parts of a file that may change one without the other: entries, columns, arrays."""
    suffix = Path(name).suffix
    if suffix == ".json":
        yield from leaves(json.loads(data))
    elif suffix == ".csv":
        rows = list(csv.reader(io.StringIO(data.decode())))
        yield from ((cells[0], digest(repr(cells))) for cells in zip(*rows, strict=True))
    elif suffix in (".npz", ".keras"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield from ((f"{member} {part}", v) for part, v in parts(member, archive.read(member)))
    elif suffix == ".npy":
        array = np.load(io.BytesIO(data), allow_pickle=False)
        text = str(array) if array.dtype.kind == "U" and array.ndim == 0 else ""
        yield from leaves(json.loads(text)) if text.startswith("{") else [("", digest(array.tobytes()))]
    elif suffix == ".h5":
        arrays = []
        with h5py.File(io.BytesIO(data)) as file:
            file.visititems(
                lambda path, node: arrays.append((path, node)) if hasattr(node, "shape") else None
            )
            yield from ((path, digest(node[()].tobytes())) for path, node in arrays)
    else:
        yield "", digest(data)


def leaves(value, path=""):
    """Yield every number and text of a JSON value with the way to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}/{key}")
    elif isinstance(value, list):
        yield path, digest(json.dumps(value, sort_keys=True))
    else:
        yield path, digest(repr(value))


def digest(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def differences(expected, changing, found):
    """Return what is missing, other, or there for no reason."""
    wrong = [key for key, value in expected.items() if found.get(key) != value]
    return wrong + sorted(found.keys() - expected.keys() - set(changing))


def write_photos(folder):
    """Write sixteen pictures with two labels each, and a small network for their features."""
    import keras

    folder.mkdir()
    rng, lines = np.random.default_rng(0), ["image,red,bright,split"]
    for index in range(16):
        red, bright = index % 2, index // 2 % 2
        picture = rng.integers(0, 60, (24, 24, 3)) + [120 * red, 0, 60] + 70 * bright
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{index}.png")
        lines.append(f"{index}.png,{red},{bright},{'test' if index < 6 else 'train'}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    keras.utils.set_random_seed(0)
    images = keras.Input((16, 16, 3))
    features = keras.layers.GlobalAveragePooling2D(name="features")(keras.layers.Conv2D(8, 3)(images))
    keras.Model(images, keras.layers.Dense(2)(features)).save(folder / "backbone.keras")


if __name__ == "__main__":
    sys.exit(main())
