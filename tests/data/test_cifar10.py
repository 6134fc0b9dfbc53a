import os
import pickle

import numpy as np
import pytest

from tfapp.data import open_classification
from tfapp.data.readers.cifar10 import CLASS_NAMES, load_restricted
from tfapp.errors import InputError

BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "own" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number, name in enumerate(BATCHES):
        write_batch(folder / name, count=3 + number)
    (folder / "batches.meta").write_bytes(pickle.dumps({"num_cases_per_batch": 10000}))
    return folder


def write_batch(path, count=4, **changes):
    """Write a batch whose image i is red i, green 100 and blue 200 plus the number of the row."""
    pixels = np.zeros((count, 3, 32, 32), np.uint8)
    pixels[:, 0] = np.arange(count)[:, None, None]
    pixels[:, 1] = 100
    pixels[:, 2] = 200 + np.arange(32)[:, None]
    batch = {
        "data": pixels.reshape(count, -1),
        "labels": [i % 10 for i in range(count)],
        "filenames": count * ["x"],
    }
    batch = {name: value for name, value in {**batch, **changes}.items() if value is not None}
    path.write_bytes(pickle.dumps(batch, 2))


@pytest.mark.parametrize("parent", [False, True])
def test_batches_are_read_in_their_folder_or_below_it(root, parent):
    data = open_classification(f"cifar10:{root.parent if parent else root}")
    assert [len(part) for part in data.splits] == [3 + 4 + 5 + 6 + 7, 8]
    assert data.class_names == CLASS_NAMES


def test_colours_and_rows_are_put_together(root):
    image = open_classification(f"cifar10:{root}").train.images[2]
    assert image.shape == (32, 32, 3)
    assert image[5, 9].tolist() == [2, 100, 205]
    assert image[31, 0].tolist() == [2, 100, 231]


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch"])
def test_missing_batch_is_named_with_what_is_expected(root, name):
    (root / name).unlink()
    with pytest.raises(
        InputError, match=f"has no {name}; expected the unpacked folder cifar-10-batches-py with data_"
    ):
        open_classification(f"cifar10:{root}")


def test_truncated_batch_is_refused(root):
    path = root / "data_batch_2"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="data_batch_2 is damaged or truncated"):
        open_classification(f"cifar10:{root}")


def test_batch_that_calls_the_system_is_refused_and_not_run(root):
    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {root / 'trace'}",)

    write_batch(root / "data_batch_4", filenames=[Payload()])
    with pytest.raises(InputError, match=r"data_batch_4 wants to call (posix|nt).system"):
        open_classification(f"cifar10:{root}")
    assert not (root / "trace").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": None}, "has no 'data' of"),
        ({"data": np.zeros((4, 1024), np.uint8)}, "has no 'data' of"),
        ({"data": np.zeros(3072, np.uint8)}, "has no 'data' of"),
        ({"labels": None}, "has no list of 'labels'"),
        ({"labels": [1, 2, 3, "cat"]}, "has no list of 'labels'"),
        ({"labels": [1, 2, 3, 10**12]}, "has no list of 'labels'"),
        ({"labels": [1, 2, 3]}, "holds 4 images but .* 3 labels"),
        ({"labels": [1, 2, 3, 10]}, "holds the label 10; expected 0 to 9"),
        ({"labels": [1, 2, 3, -1]}, "holds the label -1"),
    ],
)
def test_batch_of_other_content_is_refused(root, changes, message):
    write_batch(root / "test_batch", **changes)
    with pytest.raises(InputError, match=f"test_batch {message}"):
        open_classification(f"cifar10:{root}")


def test_subset_of_the_official_batches_has_the_documented_counts(real_data):
    # The counts that come with the subset; batches.meta says 10,000 images per batch.
    data = open_classification(f"cifar10:{real_data('cifar10')}")
    train = [508, 515, 478, 484, 527, 469, 497, 512, 518, 492]
    test = [103, 89, 100, 103, 90, 86, 112, 102, 106, 109]
    np.testing.assert_array_equal(data.class_counts(), [train, test])
    assert data.image_shape == (32, 32, 3)


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


def random_batches(root, count=400):
    """Write batches of noise with neighbouring pixels alike, so that there is something to whiten."""
    rng = np.random.default_rng(0)
    for name in BATCHES:
        coarse = rng.integers(0, 256, (count, 3, 8, 8)).repeat(4, 2).repeat(4, 3)
        data = np.clip(coarse + rng.integers(-20, 21, coarse.shape), 0, 255).astype(np.uint8)
        write_batch(root / name, count, data=data.reshape(count, -1))


def test_contrast_normalisation_gives_images_the_mean_deviation_unless_theirs_is_small(root):
    random_batches(root)
    data = open_classification(f"cifar10:{root}")
    train = data.train.images.reshape(2000, -1).astype(np.float64)
    centred = train - train.mean(0)
    centred -= centred.mean(1, keepdims=True)
    deviations = centred.std(1, ddof=1, keepdims=True)
    expected = centred * deviations.mean() / np.maximum(deviations, 40) / 255
    prepared = open_classification(f"cifar10:{root}?contrast=yes").train.images
    np.testing.assert_allclose(prepared.reshape(2000, -1), expected, atol=1e-4)


def test_whitened_pixels_are_uncorrelated_where_their_deviation_is_large_enough(root):
    random_batches(root)
    images = open_classification(f"cifar10:{root}?whiten=yes").train.images.reshape(2000, -1) * 255.0
    raw = open_classification(f"cifar10:{root}").train.images.reshape(2000, -1).astype(np.float64)
    raw -= raw.mean(0)
    values, vectors = np.linalg.eigh(raw.T @ raw / len(raw))
    along = (images @ vectors)[:, values > 10**2]
    moments = along.T @ along / len(along)
    np.testing.assert_allclose(moments, values.mean() * np.eye(len(moments)), atol=2e-3 * values.mean())


def test_test_images_are_prepared_by_what_the_training_images_say(root):
    random_batches(root)
    once = open_classification(f"cifar10:{root}?contrast=yes&whiten=yes")
    write_batch(root / "test_batch", 400, data=once.test.images.reshape(400, -1).astype(np.uint8) + 100)
    again = open_classification(f"cifar10:{root}?contrast=yes&whiten=yes")
    np.testing.assert_array_equal(once.train.images, again.train.images)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("whiten=maybe", "expected whiten=yes or whiten=no"),
        ("zca=yes", "for contrast normalisation and whitening"),
    ],
)
def test_preparation_of_another_name_is_refused(root, options, words):
    with pytest.raises(InputError, match=words):
        open_classification(f"cifar10:{root}?{options}")
