"""Cell arrays in files of MATLAB, against SciPy's writer and reader."""

import struct

import numpy as np
import pytest
import scipy.io

from tfapp.detection.proposals.mat_cells import NewerFormat, read_cells


def cells(*values, column=False):
    found = np.empty((len(values), 1) if column else (1, len(values)), object)
    found.ravel()[:] = [None] * len(values)
    for place, value in enumerate(values):
        found.ravel()[place] = value
    return found


@pytest.fixture
def content():
    rng = np.random.default_rng(0)
    kinds = (np.float64, np.float32, np.uint16, np.int32, np.uint8, np.int64)
    boxes = [rng.integers(1, 200, (count, 4)).astype(kind) for count, kind in enumerate(kinds)]
    return {
        "images": cells(*(f"00000{index}" for index in range(len(kinds)))),
        "boxes": cells(*boxes, column=True),
        "other": np.arange(1000.0),
        "scores": {"a": 1, "b": "text"},
    }


@pytest.mark.parametrize("packed", [False, True])
def test_cells_are_those_that_scipy_reads(tmp_path, content, packed):
    file = tmp_path / "a.mat"
    scipy.io.savemat(file, content, do_compression=packed)
    expected, found = scipy.io.loadmat(file), read_cells(file, ("images", "boxes"))
    assert found.keys() == {"images", "boxes"}
    assert found["images"] == [str(one[0]) for one in expected["images"].ravel()]
    for one, other in zip(found["boxes"], expected["boxes"].ravel(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_text_beyond_latin_is_read(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"images": cells("zelle größe", "")})
    assert read_cells(tmp_path / "a.mat", ["images"])["images"][0] == "zelle größe"


def test_other_byte_order_is_read(tmp_path):
    def element(kind, data):
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    def matrix(kind, shape, name, rest):
        head = element(6, struct.pack(">II", kind, 0)) + element(5, struct.pack(">2i", *shape))
        return element(14, head + element(1, name) + rest)

    numbers = matrix(6, (1, 4), b"", element(9, struct.pack(">4d", 1, 2, 3, 4)))
    header = b"MATLAB 5.0".ljust(124) + struct.pack(">H", 0x0100) + b"MI"
    (tmp_path / "a.mat").write_bytes(header + matrix(1, (1, 1), b"boxes", numbers))
    np.testing.assert_array_equal(read_cells(tmp_path / "a.mat", ["boxes"])["boxes"], [[[1, 2, 3, 4]]])


@pytest.mark.parametrize("start", [b"MATLAB 7.3 MAT-file, Platform: GLNXA64", b"\x89HDF\r\n\x1a\n"])
def test_newer_format_is_told_apart(tmp_path, start):
    (tmp_path / "a.mat").write_bytes(start.ljust(124) + b"\x00\x02IM" + bytes(600))
    with pytest.raises(NewerFormat):
        read_cells(tmp_path / "a.mat", ["boxes"])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.eye(3), "boxes is no cell array"),
        (cells({"a": 1}), "values of class 2, neither numbers nor texts"),
        (cells(cells("a", "b")), "cell arrays within a cell array"),
        (cells(np.array(["ab", "cd"])), "text of several rows"),
    ],
)
def test_variable_of_another_kind_is_refused(tmp_path, value, reason):
    scipy.io.savemat(tmp_path / "a.mat", {"boxes": value})
    with pytest.raises(ValueError, match=reason):
        read_cells(tmp_path / "a.mat", ["boxes"])


@pytest.mark.parametrize("packed", [False, True])
def test_damaged_file_is_read_or_refused_by_value_error_alone(tmp_path, content, packed):
    file = tmp_path / "a.mat"
    scipy.io.savemat(file, content, do_compression=packed)
    whole, rng, refused = file.read_bytes(), np.random.default_rng(0), 0
    for _ in range(200):
        damaged = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.3 else whole)
        for place in rng.integers(0, max(len(damaged), 1), 3 * (len(damaged) > 0)):
            damaged[place] = rng.integers(256)
        file.write_bytes(damaged)
        try:
            read_cells(file, ("images", "boxes"))
        except ValueError:
            refused += 1
    assert refused > 50
