"""Hidden folders of exports that were killed go; those of exports that run stay."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from tfapp.export.staging import checking, remove_left_behind, staging

HOLD = """
import sys, time
from pathlib import Path
from tfapp.export.staging import staging
with staging(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("written")
    print("writing", flush=True)
    time.sleep(600)
"""
# What a shell runs in the background ignores Ctrl-C, and what it starts would too.
EXPORT = """
import signal, sys, keras
signal.signal(signal.SIGINT, signal.default_int_handler)
from tfapp.export import export
images = keras.Input((None, None, 3))
model = keras.Model(images, keras.layers.Conv2D(2, 1, activation="softmax")(images))
export(model, sys.argv[1], warmup_sizes=())
"""


def hidden(base):
    return [path.name for path in base.iterdir() if path.name.startswith(".export-")]


def test_folder_without_a_living_process_is_removed(tmp_path):
    dead = tmp_path / ".export-0123456789abcdef"
    (dead / "variables").mkdir(parents=True)
    assert remove_left_behind(tmp_path) == [dead.name]
    assert list(tmp_path.iterdir()) == []


def test_folder_of_a_running_export_stays(tmp_path):
    with staging(tmp_path) as first:
        with staging(tmp_path) as second:
            assert sorted(hidden(tmp_path)) == sorted([first.name, second.name])
    assert hidden(tmp_path) == []


@pytest.mark.parametrize(("hours", "stays"), [(1, True), (48, False)])
def test_folder_of_version_0_1_is_removed_when_a_day_old(tmp_path, hours, stays):
    old = tmp_path / ".export-01234567"
    old.mkdir()
    os.utime(old, (time.time() - 3600 * hours,) * 2)
    remove_left_behind(tmp_path)
    assert old.exists() == stays


@pytest.mark.parametrize("name", [".export-notes", ".export-0123", "export-0123456789abcdef", "7"])
def test_folders_of_others_stay(tmp_path, name):
    (tmp_path / name).mkdir()
    assert remove_left_behind(tmp_path) == []
    assert (tmp_path / name).is_dir()


def test_link_of_such_a_name_is_not_followed(tmp_path):
    target = tmp_path / "precious"
    target.mkdir()
    (tmp_path / ".export-0123456789abcdef").symlink_to(target)
    remove_left_behind(tmp_path)
    assert target.is_dir()


@pytest.mark.parametrize(
    ("key", "minutes", "stays"),
    [
        ("0123456789abcdef", 2, False),
        ("0123456789abcdef", 0, True),
        ("a1b2_c3d", 60, True),
        ("a1b2_c3d", 2000, False),
        ("notes", 2000, True),
    ],
)
def test_next_check_removes_the_temporary_folder_of_a_killed_one(tmp_path, monkeypatch, key, minutes, stays):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"tfapp-check-{key}"
    left.mkdir()
    (left / "requests.npz").touch()
    for path in (left / "requests.npz", left):
        os.utime(path, (time.time() - 60 * minutes,) * 2)
    with checking() as folder:
        assert folder.parent == tmp_path and folder.stat().st_mode & 0o077 == 0
        assert left.exists() == stays
    assert not folder.exists()


def test_temporary_folder_of_a_living_check_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with checking() as first:
        os.utime(first, (time.time() - 3600,) * 2)
        with checking():
            assert first.is_dir()


@pytest.mark.slow
def test_next_export_removes_what_a_killed_process_left_and_not_what_a_living_one_writes(tmp_path):
    holders = [
        subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        for holder in holders:
            assert holder.stdout.readline() == b"writing\n"
        before = hidden(tmp_path)
        holders[0].kill()
        holders[0].wait()
        assert sorted(hidden(tmp_path)) == sorted(before)
        with staging(tmp_path):
            pass
        [living] = hidden(tmp_path)
        assert (tmp_path / living / "half").read_text() == "written"
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_export_that_is_ended_in_the_middle_publishes_nothing_and_leaves_nothing_for_long(tmp_path, how):
    base = tmp_path / "served"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    process = subprocess.Popen(
        [sys.executable, "-c", EXPORT, str(base)], stderr=subprocess.DEVNULL, env=environment
    )
    try:
        deadline = time.monotonic() + 300
        while not (base.exists() and hidden(base)):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(how)
        assert process.wait(120) != 0
    finally:
        process.kill()
        process.wait()
    if how == signal.SIGINT:
        assert not base.exists()
        return
    assert [path.name for path in base.iterdir()] == hidden(base)
    with staging(base):
        pass
    assert list(base.iterdir()) == []


@pytest.mark.slow
def test_two_exports_at_once_publish_two_versions_or_say_why_not(tmp_path):
    base = tmp_path / "served"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", EXPORT, str(base)], stderr=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=550)[1] for process in both]
    published = sorted(path.name for path in base.iterdir())
    failed = [text for process, text in zip(both, told, strict=True) if process.returncode]
    assert len(published) + len(failed) == 2 and "1" in published
    assert all("already exists" in text for text in failed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mount", "told"),
    [
        ("size=64k", "The disk of .* is full: free some space"),
        ("size=64k,ro", "Cannot write to .*: Read-only file system"),
    ],
)
def test_disk_that_takes_no_export_is_one_sentence_and_holds_nothing_after_it(tmp_path, mount, told):
    """A tmpfs of the test's own, in a mount namespace of its own."""
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*alone, "mount -t tmpfs tmpfs /mnt"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system lets no user mount a file system of their own")
    script = 'mount -t tmpfs -o "$1" tmpfs "$2" && { "$3" -c "$4" "$2"; ls -A "$2"; }'
    done = subprocess.run(
        [*alone, script, "sh", mount, str(tmp_path), sys.executable, EXPORT],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert re.search(f"ExportError: {told}", done.stderr), done.stderr[-2000:]
    assert done.stdout == ""
