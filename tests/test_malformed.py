"""Generated malformed inputs of every kind: the command ends in words, with nothing half-written, soon and small."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.malformed.inputs import make
from tests.malformed.place import Place, snapshot
from tests.malformed.targets import LINE, TARGETS

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def test_of_150_malformed_inputs_none_ends_as_it_should_not(tmp_path):
    # In a process of its own: others are forked from it, which TensorFlow allows only before it has computed.
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.malformed",
            "--count",
            "150",
            "--seed",
            "150",
            "--out",
            tmp_path / "out",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    *_, total = done.stdout.splitlines()
    assert total.split()[:2] == ["all", "150"]


def test_a_place_is_made_whole_again_whatever_was_done_to_it(tmp_path):
    seeds = tmp_path / "seeds"
    for name in ("a/b/c.txt", "a/d.txt", "e.txt"):
        (seeds / name).parent.mkdir(parents=True, exist_ok=True)
        (seeds / name).write_text(name)
    place = Place(seeds, tmp_path / "place")
    whole = {name: state[1] for name, state in snapshot(place.path).items()}
    (place.path / "a" / "d.txt").unlink()
    (place.path / "a" / "d.txt").mkdir()
    (place.path / "e.txt").unlink()
    (place.path / "e.txt").symlink_to("e.txt")
    (place.path / "new" / "deep").mkdir(parents=True)
    (place.path / "a" / "b" / "c.txt").write_text("other")
    place.restore()
    assert {name: state[1] for name, state in snapshot(place.path).items()} == whole


def test_a_number_of_the_sequence_is_always_the_same_input(tmp_path):
    kinds = []
    for _ in range(2):
        (tmp_path / "runs" / "tv").mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / "tv" / "run.json").write_text('{"format": 1}')
        kinds.append((str(make(4, 7, tmp_path, "run.json")), snapshot(tmp_path).keys()))
        for path in sorted(tmp_path.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert kinds[0] == kinds[1]


def test_kinds_have_names_of_their_own():
    names = [target.kind for target in TARGETS]
    assert len(set(names)) == len(names) and LINE not in names
