"""Reader of MNIST and Fashion-MNIST: four idx files.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition", Proceedings
of the IEEE 86(11), 1998; H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms", arXiv:1708.07747, 2017, whose files have the same names.
"""

from functools import partial
from pathlib import Path

from tfapp.data.classification import ClassificationSet, checked_array
from tfapp.data.idx import read_idx
from tfapp.errors import InputError

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
PREFIXES = ("train", "t10k")


def idx_images(path, spec, class_names):
    """Read `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-...` and `t10k-labels-...`.

    Each is taken as it is or, with `.gz` behind its name, compressed.

    Raises:
        InputError: For a file that is missing or damaged, or parts that do not belong together.
    """
    train, test = (_part(Path(path), prefix, len(class_names)) for prefix in PREFIXES)
    if train.image_shape != test.image_shape:
        raise InputError(
            f"The images of {path} for training have the shape {train.image_shape}, those for testing "
            f"{test.image_shape}; expected the four files of one dataset."
        )
    return ClassificationSet(spec, class_names, train, test)


def _part(root, prefix, num_classes):
    images_file = _find(root, f"{prefix}-images-idx3-ubyte")
    labels_file = _find(root, f"{prefix}-labels-idx1-ubyte")
    images, labels = read_idx(images_file, 3), read_idx(labels_file, 1)
    return checked_array(images[..., None], labels, num_classes, images_file, labels_file)


def _find(root, name):
    for file in (root / name, root / f"{name}.gz"):
        if file.is_file():
            return file
    wanted = ", ".join(
        f"{prefix}-{kind}-ubyte" for prefix in PREFIXES for kind in ("images-idx3", "labels-idx1")
    )
    raise InputError(f"{root} has no {name}, with or without .gz; expected the four official files {wanted}.")


mnist = partial(idx_images, class_names=DIGITS)
fashion_mnist = partial(idx_images, class_names=CLOTHES)
