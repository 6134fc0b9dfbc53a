import os
import pickle

import numpy as np
import pytest

from tfapp.data.readers.cifar10 import load_restricted
from tfapp.errors import InputError

DATA = np.arange(60, dtype=np.uint8).reshape(3, 20)
# As Python 2 wrote the official batches: text is bytes, NumPy's parts have the names of NumPy 1.
PYTHON_2 = (
    b"\x80\x02}(U\x0bbatch_labelU\x14testing batch 1 of 1U\x06labels](K\x03K\x08eU\x04data"
    + b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    + b"(K\x01(K\x02K\x03tcnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    + b"\x89U\x06\x01\x02\x03\x04\x05\xfftbu."
)


class Payload:
    """What a pickle of an attacker looks like."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def written(tmp_path, content):
    path = tmp_path / "data_batch_1"
    path.write_bytes(content)
    return path


def test_file_of_python_2_is_read(tmp_path):
    content = load_restricted(written(tmp_path, PYTHON_2))
    assert content["labels"] == [3, 8]
    np.testing.assert_array_equal(content["data"], np.array([[1, 2, 3], [4, 5, 255]], np.uint8))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("array", [DATA, np.asfortranarray(DATA), DATA[:, ::2]])
@pytest.mark.parametrize("keys", [("data", "labels"), (b"data", b"labels")])
def test_file_of_python_3_is_read_in_every_protocol(tmp_path, protocol, array, keys):
    batch = dict(zip(keys, (array, [1, 2, 3]), strict=True))
    content = load_restricted(written(tmp_path, pickle.dumps(batch, protocol)))
    np.testing.assert_array_equal(content["data"], array)
    assert content["labels"] == [1, 2, 3]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_call_of_the_system_is_refused_and_not_run(tmp_path, protocol):
    trace = tmp_path / "trace"
    batch = {"data": DATA, "labels": Payload(os.system, f"touch {trace}")}
    path = written(tmp_path, pickle.dumps(batch, protocol))
    with pytest.raises(
        InputError, match=r"data_batch_1 wants to call (posix|nt).system; .* nothing of it was run"
    ):
        load_restricted(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (eval, "builtins.eval"),
        (getattr, "builtins.getattr"),
        (np.load, "numpy.load"),
        (np.memmap, "numpy.*memmap"),
    ],
)
def test_any_other_function_is_refused_by_its_name(tmp_path, function, name):
    path = written(tmp_path, pickle.dumps({"data": Payload(function, "1")}))
    with pytest.raises(
        InputError, match=f"wants to call {name}; expected numbers, lists and NumPy arrays only"
    ):
        load_restricted(path)


def test_array_takes_the_memory_of_its_bytes_whatever_size_it_announces(tmp_path):
    announced = PYTHON_2.replace(b"K\x02K\x03t", b"K\x02\x8a\x06\x00\x00\x00\x00\x00\x10t")
    with pytest.raises(InputError, match=r"shape \(2, 17592186044416\), not of unsigned bytes"):
        load_restricted(written(tmp_path, announced))


@pytest.mark.parametrize("array", [DATA.astype(np.int64), DATA.astype(float), np.array([[], None], object)])
def test_array_of_other_numbers_is_refused(tmp_path, array):
    path = written(tmp_path, pickle.dumps({"data": array}))
    with pytest.raises(InputError, match="not of unsigned bytes"):
        load_restricted(path)


@pytest.mark.parametrize("length", [0, 1, 10, 60, len(PYTHON_2) - 1])
def test_truncated_file_is_refused(tmp_path, length):
    with pytest.raises(InputError, match="data_batch_1 is damaged or truncated"):
        load_restricted(written(tmp_path, PYTHON_2[:length]))


def test_every_changed_byte_gives_content_or_a_sentence(tmp_path):
    rng = np.random.default_rng(0)
    for place in range(len(PYTHON_2)):
        spoilt = bytearray(PYTHON_2)
        spoilt[place] = rng.integers(256)
        try:
            load_restricted(written(tmp_path, spoilt))
        except InputError:
            continue
