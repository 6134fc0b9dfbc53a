"""What counts as a file, and names that are no Unicode."""

import json
import os
import socket

import pytest

from tfapp.errors import InputError
from tfapp.files import check_regular_file, write_json


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
