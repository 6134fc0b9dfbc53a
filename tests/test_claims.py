"""One process at a time writes to a folder or a file, and what it leaves of its claim is nothing."""

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest

from tfapp import claims
from tfapp.claims import claimed, claimed_file, claiming, refuse_claimed_files
from tfapp.errors import InputError

fcntl = pytest.importorskip("fcntl", reason="this system has no locks on folders")

HOLD = """
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another(folder):
    """Hold a folder as another process would, which for the system is another opening of it; yield what ends that."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as ends:
        lock = os.open(folder, os.O_RDONLY)
        ends.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield ends.close


def test_folder_that_another_process_holds_is_refused_with_a_way_out(tmp_path):
    with (
        held_by_another(tmp_path / "run"),
        pytest.raises(
            InputError, match=r"Another process is writing to .*run; use another `out`, or wait until it has"
        ),
        claimed(tmp_path / "run"),
    ):
        pass


@pytest.mark.slow
def test_claim_ends_with_its_process_however_that_ends(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="Another process"), claimed(tmp_path):
            pass
        process.kill()
        process.wait()
        with claimed(tmp_path):
            pass


def test_who_waits_says_so_and_has_the_folder_then(tmp_path):
    said = []
    with held_by_another(tmp_path / "run") as end:

        def say(sentence):
            said.append(sentence)
            end()

        with claimed(tmp_path / "run", waiting=say):
            pass
    assert said == [f"Another process is writing to {tmp_path / 'run'}; waiting until it has ended."]


def test_file_that_another_process_holds_is_refused_and_another_beside_it_is_not(tmp_path):
    with held_by_another(tmp_path / ".surface.npz.claim"):
        with pytest.raises(InputError, match="Another process is writing to .*surface.npz; wait until"):
            with claimed_file(tmp_path / "surface.npz"):
                pass
        with claimed_file(tmp_path / "other.npz"):
            pass


def test_one_process_may_claim_a_folder_again_and_holds_it_until_the_last_claim_ends(tmp_path):
    def is_free():
        lock = os.open(tmp_path, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return True

    with claimed(tmp_path):
        with claimed(tmp_path):
            pass
        assert not is_free()
    assert is_free()


def test_folder_that_was_made_and_stayed_empty_is_gone_and_one_with_a_file_stays(tmp_path):
    with pytest.raises(InputError, match="bad"), claimed(tmp_path / "a" / "b"):
        raise InputError("bad")
    assert list(tmp_path.iterdir()) == []
    with claimed(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "file").touch()
    assert (tmp_path / "a" / "b" / "file").is_file()


def test_claim_of_a_file_leaves_nothing_also_of_one_that_was_killed(tmp_path):
    (tmp_path / ".surface.npz.claim").mkdir()
    with claimed_file(tmp_path / "surface.npz"), claimed_file(tmp_path / "surface.npz"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_temporary_files_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    # No system has so many processes.
    names = [".run.999999999.part.json", f".run.{os.getppid()}.part.json", ".notes.part.json", "run.json"]
    for name in names:
        (tmp_path / name).touch()
    with claimed(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == set(names[1:])


def test_pictures_beside_a_claimed_file_that_a_dead_process_left_half_written_go(tmp_path):
    gone = [".surface.999999999.part.png", ".surface-contour.999999999.part.png"]
    stay = [f".surface.{os.getppid()}.part.png", ".other.999999999.part.png", "surface.png"]
    for name in [*gone, *stay]:
        (tmp_path / name).touch()
    with claimed_file(tmp_path / "surface.npz"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == set(stay)


def test_without_locks_nothing_is_held_back(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "fcntl", None)
    with held_by_another(tmp_path), claimed(tmp_path), claimed_file(tmp_path / "surface.npz"):
        pass


def test_decorated_function_holds_what_its_argument_names(tmp_path):
    @claiming("path", claimed_file)
    def measure(model, path=None):
        return [place.name for place in tmp_path.iterdir()]

    assert measure(1) == [] and measure(1, tmp_path / "s.npz") == [".s.npz.claim"]
    assert measure.__name__ == "measure"


def test_decorated_function_that_waits_finds_a_missing_folder_itself(tmp_path):
    @claiming("path", waits=True)
    def evaluate(path, progress=None):
        return path.exists()

    assert evaluate(tmp_path / "typo") is False


def test_folder_in_which_another_process_holds_a_file_is_not_to_be_emptied(tmp_path):
    (tmp_path / "landscape" / ".left.npz.claim").mkdir(parents=True)
    refuse_claimed_files(tmp_path)
    with held_by_another(tmp_path / "landscape" / ".surface.npz.claim"):
        with pytest.raises(InputError, match="Another process is writing to .*landscape/surface.npz; wait"):
            refuse_claimed_files(tmp_path)
