import gzip

import numpy as np
import pytest

from tfapp.data import open_classification
from tfapp.data.readers.mnist import read_idx
from tfapp.errors import InputError


@pytest.fixture
def root(tmp_path):
    return write_mnist(tmp_path / "own mnist")


def write_mnist(folder, counts=(12, 5), size=(28, 28)):
    """Write the four files, those of the test part compressed, and return the folder."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for prefix, count in zip(("train", "t10k"), counts, strict=True):
        images = rng.integers(0, 256, (count, *size), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            name, content = f"{prefix}-{kind}-ubyte", idx_bytes(array)
            if prefix == "t10k":
                name, content = f"{name}.gz", gzip.compress(content)
            (folder / name).write_bytes(content)
    return folder


def test_both_parts_are_read_from_files_with_and_without_compression(root):
    data = open_classification(f"mnist:{root}")
    assert [len(part) for part in data.splits] == [12, 5]
    assert data.image_shape == data.test.image_shape == (28, 28, 1)
    content = (root / "train-images-idx3-ubyte").read_bytes()[16:]
    np.testing.assert_array_equal(data.train.images.ravel(), np.frombuffer(content, np.uint8))
    assert data.train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


@pytest.mark.parametrize(("name", "eighth"), [("mnist", "8"), ("fashion-mnist", "Bag")])
def test_classes_have_the_names_of_their_dataset(root, name, eighth):
    names = open_classification(f"{name}:{root}").class_names
    assert len(names) == 10 and names[8] == eighth


def test_missing_file_tells_which_files_are_expected(root):
    (root / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(
        InputError,
        match="has no train-labels-idx1-ubyte, .* train-images-idx3-ubyte, .*t10k-labels-idx1-ubyte",
    ):
        open_classification(f"mnist:{root}")


def test_images_and_labels_that_differ_in_number_are_refused(root):
    labels = np.zeros(11, np.uint8)
    (root / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    with pytest.raises(InputError, match="holds 12 images but .*train-labels-idx1-ubyte 11 labels"):
        open_classification(f"mnist:{root}")


def test_label_outside_the_classes_is_refused(root):
    labels = np.arange(12, dtype=np.uint8)
    (root / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    with pytest.raises(InputError, match="holds the label 10; expected 0 to 9"):
        open_classification(f"mnist:{root}")


def test_part_without_images_is_refused(tmp_path):
    root = write_mnist(tmp_path / "empty", counts=(12, 0))
    with pytest.raises(InputError, match="t10k-images-idx3-ubyte.gz holds no image"):
        open_classification(f"mnist:{root}")


def test_parts_of_different_size_are_refused(root, tmp_path):
    other = write_mnist(tmp_path / "small", size=(14, 14))
    for kind in ("images-idx3", "labels-idx1"):
        (other / f"t10k-{kind}-ubyte.gz").rename(root / f"t10k-{kind}-ubyte.gz")
    with pytest.raises(InputError, match=r"shape \(28, 28, 1\), those for testing \(14, 14, 1\)"):
        open_classification(f"mnist:{root}")


def test_official_files_hold_what_their_page_says(real_data):
    data = open_classification(f"mnist:{real_data('mnist')}")
    assert [part.images.shape for part in data.splits] == [(60000, 28, 28, 1), (10000, 28, 28, 1)]
    # LeCun, Cortes, Burges 1998: counts of the digits 0 and 9, and the mean 0.1307 that people subtract.
    np.testing.assert_array_equal(data.class_counts()[:, [0, 9]], [[5923, 5949], [980, 1009]])
    assert data.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.mean(data.train.mean_image()) == pytest.approx(0.1307, abs=5e-5)


IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(array, kind=8):
    header = bytes((0, 0, kind, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


@pytest.mark.parametrize(("name", "packed"), [("images", bytes), ("images.gz", gzip.compress)])
def test_bytes_are_read_with_the_shape_of_the_header(tmp_path, name, packed):
    (tmp_path / name).write_bytes(packed(idx_bytes(IMAGES)))
    np.testing.assert_array_equal(read_idx(tmp_path / name, 3), IMAGES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with the magic number 0x; expected 0x00000803"),
        (b"\x89PNG and more", "magic number 0x89504e47; expected 0x00000803"),
        (idx_bytes(IMAGES[0]), "magic number 0x00000802; expected 0x00000803"),
        (idx_bytes(IMAGES, kind=13), "magic number 0x00000d03"),
        (idx_bytes(IMAGES)[:14], "ends within its header"),
        (idx_bytes(IMAGES)[:-1], "header announces 2x3x4 bytes, it holds 23"),
        (idx_bytes(IMAGES) + b"0", "header announces 2x3x4 bytes, it holds 25"),
        (bytes((0, 0, 8, 3)) + 12 * b"\xff" + b"1", "4294967295x4294967295x4294967295 bytes, it holds 1;"),
    ],
)
def test_other_content_is_refused(tmp_path, content, message):
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(InputError, match=f"images .*{message}"):
        read_idx(tmp_path / "images", 3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-12],
        lambda content: content[:5],
        lambda content: b"no gzip at all",
        lambda content: content[:12] + b"\xff\xff\xff\xff" + content[16:],
    ],
)
def test_damaged_gzip_is_refused(tmp_path, spoil):
    (tmp_path / "images.gz").write_bytes(spoil(gzip.compress(idx_bytes(IMAGES))))
    with pytest.raises(InputError, match="images.gz is damaged or truncated"):
        read_idx(tmp_path / "images.gz", 3)
