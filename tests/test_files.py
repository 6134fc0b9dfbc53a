"""Names of files, what counts as one, and what they hold."""

import errno
import hashlib
import json
import os
import socket
import time

import pytest

from tfapp import files
from tfapp.errors import InputError
from tfapp.files import (
    atomic_path,
    check_folder,
    check_outputs,
    check_regular_file,
    content_hash,
    read_text,
    remove_contents,
    same_folder,
    write_json,
)


@pytest.fixture
def folder(tmp_path):
    """A folder `photos` that is also reached as `link`, with one file."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"photo")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    return tmp_path


def test_output_over_an_input_is_refused_through_links_too(folder):
    for place in ("photos", "link", "photos/../link/."):
        with pytest.raises(
            InputError, match="written for b, is one of the files that are read; choose another `out`"
        ):
            check_outputs([(folder / place / "a.png", "b")], [folder / "photos" / "a.png"])


def test_output_over_the_file_behind_an_input_that_is_a_link_is_refused(folder):
    (folder / "alias.png").symlink_to(folder / "photos" / "a.png")
    with pytest.raises(InputError, match="is one of the files that are read"):
        check_outputs([(folder / "photos" / "a.png", "b")], [folder / "alias.png"])


def test_two_outputs_of_one_name_are_refused_with_what_they_are_for(folder):
    with pytest.raises(
        InputError, match="would be written for a.png and again for b.png; rename one of them"
    ):
        check_outputs([(folder / "new" / "c", "a.png"), (folder / "new" / "." / "c", "b.png")])


def test_same_name_elsewhere_and_files_yet_to_be_made_are_no_clash(folder):
    check_outputs([(folder / "new" / "a.png", "a"), (folder / "a.png", "b")], [folder / "photos" / "a.png"])


@pytest.mark.parametrize("ignores_case", [True, False])
def test_case_counts_where_the_file_system_says_so(folder, monkeypatch, ignores_case):
    monkeypatch.setattr(files, "_ignores_case", lambda place: ignores_case)
    outputs = [(folder / "new" / "A.png", "A.jpg"), (folder / "new" / "a.png", "a.jpg")]
    if ignores_case:
        with pytest.raises(InputError, match="for A.jpg and again for a.jpg"):
            check_outputs(outputs)
    else:
        check_outputs(outputs)


def test_file_system_is_asked_whether_it_cares_for_case(tmp_path):
    (tmp_path / "made").mkdir()
    assert files._ignores_case(tmp_path / "made" / "yet to be made") == (tmp_path / "MADE").is_dir()


def test_folder_is_the_same_through_a_link(folder):
    assert same_folder(folder / "photos", folder / "link")
    assert not same_folder(folder / "photos", folder) and not same_folder(folder / "none", folder / "none")


def test_content_hash_is_that_of_the_bytes_and_follows_a_change_in_place(tmp_path):
    path = tmp_path / "a"
    for content in (b"one", b"two", b"one"):  # faster than the disk's clock ticks
        path.write_bytes(content)
        assert content_hash(path) == hashlib.sha256(content).digest()


def test_hash_of_a_file_that_was_at_rest_is_remembered_until_it_changes(tmp_path, monkeypatch):
    path, read = tmp_path / "a", []
    path.write_bytes(b"one")
    hashed = files._hash
    monkeypatch.setattr(files, "_hash", lambda path: read.append(path) or hashed(path))
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10**11)
    assert content_hash(path) == content_hash(path) and len(read) == 1
    path.write_bytes(b"longer")
    assert content_hash(path) == hashlib.sha256(b"longer").digest()


def test_missing_file_has_no_hash(tmp_path):
    with pytest.raises(InputError, match="none cannot be read: No such file"):
        content_hash(tmp_path / "none")


def test_regular_file_and_what_is_not_there_pass(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for path in (tmp_path / "a", tmp_path / "link", tmp_path / "none"):
        check_regular_file(path)


def test_named_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(InputError, match=f"{name} is a named pipe; expected a mesh"):
            check_regular_file(tmp_path / name, "a mesh")


def test_device_socket_and_folder_are_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for path, kind in (("/dev/zero", "a device"), (tmp_path, "a folder"), ("socket", "a socket")):
            with pytest.raises(InputError, match=f"is {kind}; expected a file"):
                check_regular_file(path)


def test_name_in_another_encoding_is_stored_and_reads_back(tmp_path):
    name = os.fsdecode(b"b\xfcrste.png")
    write_json(tmp_path / "a.json", {"names": [name]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"names": [name]}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_refusal_of_the_disk_names_the_file_and_not_the_temporary_one(tmp_path, number):
    for name in (None, "temporary"):
        with (
            pytest.raises(OSError, match=os.strerror(number)) as told,
            atomic_path(tmp_path / "a.npz") as temporary,
        ):
            temporary.touch()
            raise OSError(number, os.strerror(number), *([str(temporary)] if name else []))
        assert (told.value.errno, told.value.filename) == (number, str(tmp_path / "a.npz"))
    assert list(tmp_path.iterdir()) == []


def test_error_that_a_library_raises_because_the_disk_was_full_is_that_of_the_disk(tmp_path):
    with pytest.raises(OSError, match="No space left") as told, atomic_path(tmp_path / "a.keras"):
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            # As zipfile does when it is closed then.
            raise ValueError("Can't close the ZIP file while there is an open writing handle on it.")
    assert told.value.filename == str(tmp_path / "a.keras")


def test_full_disk_is_told_where_the_error_does_not_say_so(tmp_path, monkeypatch):
    def full(dir):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.tempfile, "TemporaryFile", full)
    with pytest.raises(OSError, match="No space left"), atomic_path(tmp_path / "a.npy"):
        raise OSError("262144 requested and 8192 written")


def test_error_about_another_file_stays_as_it_is(tmp_path):
    with pytest.raises(PermissionError) as told, atomic_path(tmp_path / "a.npy"):
        raise PermissionError(errno.EACCES, "Permission denied", "/somewhere/else.png")
    assert told.value.filename == "/somewhere/else.png"


def test_contents_of_a_folder_go_and_the_folder_and_what_links_in_it_lead_to_stay(folder):
    (folder / "run" / "inner").mkdir(parents=True)
    (folder / "run" / "photos").symlink_to(folder / "photos")
    number = (folder / "run").stat().st_ino
    remove_contents(folder / "run")
    assert list((folder / "run").iterdir()) == [] and (folder / "run").stat().st_ino == number
    assert (folder / "photos" / "a.png").is_file()


def test_link_to_itself_is_no_output_and_no_reason_to_fail(tmp_path):
    (tmp_path / "loop.png").symlink_to("loop.png")
    check_outputs([(tmp_path / "a.png", "b")], [tmp_path / "loop.png"])
    with pytest.raises(InputError, match="is one of the files that are read"):
        check_outputs([(tmp_path / "loop.png", "b")], [tmp_path / "loop.png"])


def test_text_is_read_without_its_mark_and_no_further_than_its_limit(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffgrün\r\n".encode())
    assert read_text(tmp_path / "a.txt") == "grün\r\n"
    (tmp_path / "large.txt").write_bytes(bytes(2**20 + 1))
    with pytest.raises(InputError, match="large.txt has more than 1 MB"):
        read_text(tmp_path / "large.txt", most=2**20)
    with pytest.raises(InputError, match="/dev/zero is a device"):
        read_text("/dev/zero")


def test_place_in_which_no_folder_can_be_made_is_refused_before_any_work(folder):
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    for name, found in (
        ("photos/a.png", "a file"),
        ("photos/a.png/new", "a file"),
        ("loop", "no folder"),
        ("pipe/new", "no folder"),
    ):
        with pytest.raises(InputError, match=f"is {found}; `out` must name a folder"):
            check_folder(folder / name)
    for name in ("link", "photos", "new", "new/deep", "link/new"):
        check_folder(folder / name)
    with pytest.raises(OSError, match="name too long"):
        check_folder(folder / ("n" * 300))


@pytest.mark.parametrize("length", [200, 230, 255])
def test_file_of_any_name_that_the_disk_takes_is_written_and_leaves_no_other(tmp_path, length):
    path = tmp_path / f"{'ä' * 50}{'n' * (length - 104)}.png"
    assert len(os.fsencode(path.name)) == length
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"1")
        assert temporary.suffix == ".png"
    assert list(tmp_path.iterdir()) == [path]


def test_name_that_the_disk_does_not_take_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(OSError, match="File name too long"), atomic_path(tmp_path / f"{'n' * 256}.png"):
        pytest.fail("It was to be written.")
    assert not list(tmp_path.iterdir())
