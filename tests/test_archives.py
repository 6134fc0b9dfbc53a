"""Arrays and compressed files that declare more than they have."""

import gzip
import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from tfapp.archives import open_arrays, read_array, read_declared


def npy(shape, content=b"", dtype="<f4"):
    """Return the bytes of an .npy file whose header says what it likes."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + content


def npz(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def test_honest_archive_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(6).reshape(2, 3), names=np.array(["x", "yz"]))
    with open_arrays(tmp_path / "a.npz") as arrays:
        assert arrays["a"].tolist() == [[0, 1, 2], [3, 4, 5]] and arrays["names"].tolist() == ["x", "yz"]


def test_member_that_decompresses_to_more_than_is_read_is_refused_before(tmp_path):
    file = npz(tmp_path / "a.npz", a=npy((2**20,), bytes(2**22)))
    assert file.stat().st_size < 2**14
    with (
        pytest.raises(ValueError, match="declares .* bytes of arrays, more than 1,048,576"),
        open_arrays(file, 2**20),
    ):
        pass


@pytest.mark.parametrize("shape", [(10**12,), (10**5, 10**5)])
def test_header_of_a_larger_array_takes_no_memory(tmp_path, shape):
    file = npz(tmp_path / "a.npz", a=npy(shape, bytes(8)))
    (tmp_path / "a.npy").write_bytes(npy(shape, bytes(8)))
    tracemalloc.start()
    with pytest.raises(ValueError, match="bytes cannot hold"), open_arrays(file):
        pass
    with pytest.raises(ValueError, match="bytes cannot hold"):
        read_array(tmp_path / "a.npy")
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_only_the_arrays_that_are_going_to_be_read_are_looked_at(tmp_path):
    file = npz(tmp_path / "a.npz", a=npy((2,), bytes(8)), b=npy((10**12,), bytes(8)))
    with open_arrays(file, names=["a"]) as arrays:
        assert arrays["a"].tolist() == [0, 0]
    with pytest.raises(ValueError, match="bytes cannot hold"), open_arrays(file, names=["b"]):
        pass


def test_pickled_objects_stay_unread(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{}]))
    with pytest.raises(ValueError, match="allow_pickle"), open_arrays(tmp_path / "a.npz") as arrays:
        arrays["a"]


def test_decompression_ends_where_the_header_ends(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(2**24)))
    with gzip.open(tmp_path / "a.gz") as file:
        assert len(read_declared(file, 1000, tmp_path / "a.gz")) == 1001
        assert file.tell() == 1001


def test_more_than_a_compressed_file_can_hold_is_refused_unread(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(1000)))
    with (
        gzip.open(tmp_path / "a.gz") as file,
        pytest.raises(ValueError, match="more than a file of .* can hold"),
    ):
        read_declared(file, 10**8, tmp_path / "a.gz")


def test_idx_bomb_is_one_sentence(tmp_path):
    from tfapp.data.readers.mnist import read_idx
    from tfapp.errors import InputError

    header = bytes((0, 0, 8, 3)) + struct.pack(">3I", 60_000, 2**14, 2**14)
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(gzip.compress(header + bytes(2**20)))
    with pytest.raises(InputError, match="announces 16,106,127,360,000 bytes, more than the 1,073,741,824"):
        read_idx(file, 3)


def test_idx_file_that_goes_on_behind_its_images_is_refused_without_reading_on(tmp_path):
    from tfapp.data.readers.mnist import read_idx
    from tfapp.errors import InputError

    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(gzip.compress(bytes((0, 0, 8, 3)) + struct.pack(">3I", 1, 2, 2) + bytes(2**24)))
    tracemalloc.start()
    with pytest.raises(InputError, match="announces 1x2x2 bytes, it holds more"):
        read_idx(file, 3)
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()
