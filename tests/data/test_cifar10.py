import os
import pickle

import numpy as np
import pytest

from tfapp.data import open_classification
from tfapp.data.readers.cifar10 import CLASS_NAMES
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
