"""Door to all data: from what a person types (`wbc:PATH`, `mnist:PATH`, `cells`) to images with masks or labels.

A new dataset is a file in `tfapp/data/readers/` and a line in `READERS`. Readers load when they are wanted: the command
line asks what a name stands for, and lists the names, without NumPy or TensorFlow.
"""

import os
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from tfapp.data.collecting import not_collecting
from tfapp.errors import InputError, either
from tfapp.packed import check_unpacked, is_packed, packed_within

# What a reader gives: a `Dataset` with masks or of image pairs, a `ClassificationSet`, a `MultiLabelSet`, a `BoxedSet`.
MASKS, IMAGE_PAIRS, ONE_LABEL, SEVERAL_LABELS = "masks", "image pairs", "one label", "several labels"
BOXES = "boxes"


@dataclass(frozen=True)
class Reader:
    """A dataset that a person can name.

    Attributes:
        name: What stands before the colon.
        gives: `MASKS`, `IMAGE_PAIRS`, `ONE_LABEL`, `SEVERAL_LABELS` or `BOXES`.
        home: Module of `tfapp.data.readers` and function in it, such as `voc.voc2007`; if both are called like the
            dataset, "". A function that reads a folder takes its absolute path, the specification and the options, one
            that generates images the specification and the numbers.
        numbers: For generated images, which need no folder: what the whole numbers behind the colons are, all optional.
        options: What may stand behind `PATH?`, each as `name=value`: names and what their values are.
        about_options: Words that say more of these values.
    """

    name: str
    gives: str
    home: str = ""
    numbers: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    about_options: str = ""

    @property
    def needs_folder(self):
        return not self.numbers

    @property
    def function(self):
        module, _, name = (self.home or f"{self.name}.{self.name}").partition(".")
        return getattr(import_module(f"tfapp.data.readers.{module}"), name)


# In the order in which messages name them.
READERS = (
    Reader("cells", MASKS, numbers=("COUNT", "SIZE")),
    Reader("wbc", MASKS),
    Reader("isbi2012", MASKS),
    Reader("camvid", MASKS),
    Reader("sunrgbd", MASKS),
    *(
        Reader(
            name,
            MASKS,
            f"voc_segmentation.{name}",
            options={"train": "LIST", "validation": "LIST", "test": "LIST"},
            about_options="lists in ImageSets/Segmentation",
        )
        for name in ("voc2011", "voc2012")
    ),
    Reader("drive", MASKS),
    Reader(
        "raindrop",
        IMAGE_PAIRS,
        options={"pairs": "all"},
        about_options="the pairs of train, test_a and test_b together, without an official split",
    ),
    Reader("folder", MASKS),
    Reader("digits", ONE_LABEL, numbers=("COUNT",)),
    Reader(
        "voc2007",
        SEVERAL_LABELS,
        "voc.voc2007",
        options={"train": "LIST", "test": "LIST"},
        about_options="the names of lists in ImageSets/Main",
    ),
    Reader("labels", SEVERAL_LABELS, "labels_folder.labels_folder"),
    Reader("mnist", ONE_LABEL),
    Reader("fashion-mnist", ONE_LABEL, "mnist.fashion_mnist"),
    Reader(
        "cifar10",
        ONE_LABEL,
        options={"contrast": "yes", "whiten": "yes"},
        about_options="contrast normalisation and whitening",
    ),
    Reader("imagenet", ONE_LABEL),
    Reader("folders", ONE_LABEL, "folders.folders"),
    *(
        Reader(
            name,
            BOXES,
            f"voc_boxes.{name.replace('-', '_')}",
            options={"train": "LIST", "test": "LIST"},
            about_options="the names of lists in ImageSets/Main",
        )
        for name in ("voc-boxes", "voc2007", "voc2012")
    ),
    Reader(
        "coco",
        BOXES,
        options={"train": "FILE", "test": "FILE"},
        about_options="the names of the JSON files in the folder or its annotations",
    ),
)


def open_dataset(spec):
    """Open the dataset that `spec` names.

    Args:
        spec: `wbc:PATH`, `isbi2012:PATH`, `camvid:PATH`, `sunrgbd:PATH`, `voc2011:PATH` and `voc2012:PATH`
            (the segmentation of PASCAL VOC; `?train=LIST&validation=LIST&test=LIST` behind it, or some of these, names
            other lists of its `ImageSets/Segmentation` than `train` and `val`), `drive:PATH`, `folder:PATH`,
            `raindrop:PATH` (image pairs; `?pairs=all` behind it takes those of its three folders together, without an
            official split), or `cells[:COUNT[:SIZE]]` for generated blood-smear images (100 of
            128x128 pixels unless said otherwise).

    Returns:
        `Dataset`.

    Raises:
        InputError: For an unknown name, a missing folder, or data that do not have the layout.
    """
    generated, folders = _forms(MASKS, IMAGE_PAIRS)
    return _open(spec, (MASKS, IMAGE_PAIRS), "dataset", ", ".join(generated + folders))


def open_classification(spec):
    """Open the images with one label each that `spec` names.

    Args:
        spec: `mnist:PATH`, `fashion-mnist:PATH`, `cifar10:PATH`, `imagenet:PATH`, `folders:PATH` (one of images for
            each class), or `digits[:COUNT]` for generated digits (5,000 unless said otherwise).
            `cifar10:PATH?contrast=yes&whiten=yes` (either or both; in a shell this needs quotes) gives images less
            their mean with the same contrast and with uncorrelated pixels.

    Returns:
        `ClassificationSet`.

    Raises:
        InputError: For an unknown name, a missing folder, or data that do not have the layout.
    """
    generated, folders = _forms(ONE_LABEL)
    return _open(spec, (ONE_LABEL,), "images with labels", ", ".join(generated + folders))


def open_multi_label(spec):
    """Open the images that `spec` names, each with any number of classes.

    Args:
        spec: `voc2007:PATH` (PASCAL VOC; its lists `trainval` and `test`), `voc2007:PATH?train=LIST&test=LIST` (either
            or both of two other lists of its `ImageSets/Main`; in a shell this needs quotes), `labels:PATH` (a folder
            with `labels.csv`), or whatever `open_classification` takes, whose images show one class each.

    Returns:
        `MultiLabelSet`.

    Raises:
        InputError: For an unknown name, a missing folder, or data that do not have the layout.
    """
    generated, folders = _forms(SEVERAL_LABELS, ONE_LABEL)
    expected = f"{', '.join(folders)}, or {', '.join(generated)}"
    data = _open(spec, (SEVERAL_LABELS, ONE_LABEL), "images with labels", expected)
    if not _names(spec, ONE_LABEL):
        return data
    from tfapp.data.multi_label import one_class_each

    return one_class_each(data)


def open_boxes(spec):
    """Open the images with boxes around objects that `spec` names.

    Args:
        spec: `voc-boxes:PATH` (XML files of PASCAL VOC, of any classes), `voc2007:PATH`, `voc2012:PATH` (the official
            layout), or `coco:PATH` (JSON files of COCO). `?train=LIST&test=LIST` behind the first three names other
            lists of `ImageSets/Main`, behind the last other files; in a shell this needs quotes.

    Returns:
        `tfapp.data.boxed.BoxedSet`.

    Raises:
        InputError: For an unknown name, a missing folder, or data that do not have the layout.
    """
    _, folders = _forms(BOXES)
    return _open(spec, (BOXES,), "images with boxes", ", ".join(folders))


def names_boxes(text):
    """Return whether `text` names images with boxes alone by its form, and not an existing folder."""
    others = MASKS, IMAGE_PAIRS, ONE_LABEL, SEVERAL_LABELS
    return _names(text, BOXES) and not _names(text, *others) and not Path(text).is_dir()


def names_dataset(text):
    """Return whether `text` names a dataset by its form, and not an existing folder."""
    return _names(text, MASKS, IMAGE_PAIRS) and not Path(text).is_dir()


def names_image_pairs(text):
    """Return whether `text` names a dataset of image pairs by its form."""
    return _names(text, IMAGE_PAIRS)


def names_classification(text):
    """Return whether `text` names images with labels by its form, and not an existing folder."""
    return _names(text, ONE_LABEL) and not Path(text).is_dir()


def names_multi_label(text):
    """Return whether `text` names images that `open_multi_label` takes by its form, and not an existing folder."""
    return _names(text, SEVERAL_LABELS, ONE_LABEL) and not Path(text).is_dir()


def forms_in_short(*kinds):
    """Return the forms of the datasets of some kinds for a line of help: `digits, or mnist:PATH, cifar10:`."""
    generated, (first, *others) = _forms(*kinds)
    folders = ", ".join([first, *(form.removesuffix("PATH") for form in others)])
    return f"{', '.join(generated)}, or {folders}" if generated else folders


def _of(kinds):
    return [reader for reader in READERS if reader.gives in kinds]


def _names(text, *kinds):
    return any(reader.name == text.partition(":")[0] for reader in _of(kinds))


def _forms(*kinds):
    """Return how to name the generated datasets of some kinds, and those in folders."""
    readers = _of(kinds)
    return (
        [reader.name for reader in readers if not reader.needs_folder],
        [f"{reader.name}:PATH" for reader in readers if reader.needs_folder],
    )


def _open(spec, kinds, what, expected):
    name, _, rest = spec.partition(":")
    reader = next((reader for reader in _of(kinds) if reader.name == name), None)
    if reader is None or (reader.needs_folder and not rest):
        raise InputError(_unknown(spec, kinds, what, expected))
    if not reader.needs_folder:
        if not rest and Path(spec).is_dir():
            warnings.warn(
                f"{spec!r} means generated images, not the folder of that name; for it, write "
                f"{_folder_forms(spec, kinds)}.",
                stacklevel=3,
            )
        return reader.function(spec, *_numbers(reader, spec, rest))
    # Without options a question mark is part of the path.
    path, mark, options = rest.partition("?") if reader.options else (rest, "", "")
    folder = Path(os.path.expanduser(path))  # of an unknown user, the other one raises
    if not folder.is_dir():
        check_unpacked(folder)
        raise InputError(f"Folder {path} (of {spec!r}) does not exist or is not a folder.")
    # The absolute path goes into the run, so that later commands find the data from anywhere.
    folder = folder.resolve()
    whole = f"{name}:{folder}{mark if options else ''}{options}"
    given = _options(reader, spec, options)
    try:
        with not_collecting():
            return reader.function(folder, whole, **given)
    except InputError as error:
        if packed := packed_within(folder):
            raise InputError(f"{error}{packed}") from error
        raise


# The reader of a person's own folder, by what it gives.
_OWN = {MASKS: "folder", SEVERAL_LABELS: "labels", BOXES: "voc-boxes"}


def _unknown(spec, kinds, what, expected):
    path = Path(spec).expanduser()
    if is_packed(path):
        return f"{spec!r} is an archive; unpack it and give the folder: expected {expected}."
    if path.is_file():
        return f"{spec!r} is a file; expected {expected}, where PATH is a folder."
    if not path.is_dir():
        others = {reader.gives for reader in READERS if reader.name == spec.partition(":")[0]} - set(kinds)
        of_others = f", which names images with {either(sorted(others))}" if others else ""
        return f"Unknown {what} {spec!r}{of_others}; expected {expected}."
    forms = _folder_forms(spec, kinds)
    return f"{spec!r} is a folder, and what it holds is not said: write {forms}; expected {expected}."


def _folder_forms(spec, kinds):
    """Return how to name a folder that may hold what is wanted, in words."""
    readers = [reader.name for reader in _of(kinds) if reader.needs_folder]
    own = [_OWN[kind] for kind in kinds if kind in _OWN] or readers
    called_so = [name for name in readers if name == Path(spec).name]
    return either([f"{name}:{spec}" for name in dict.fromkeys(called_so + own)])


def _numbers(reader, spec, text):
    numbers = text.split(":") if text else []
    if len(numbers) > len(reader.numbers) or not all(
        number.isdecimal() and len(number) < 16 for number in numbers
    ):
        *forms, longest = (
            ":".join([reader.name, *reader.numbers[:count]]) for count in range(len(reader.numbers) + 1)
        )
        raise InputError(f"{spec!r} is not understood; expected {', '.join(forms)} or {longest}.")
    return map(int, numbers)


def _options(reader, spec, text):
    pairs = [option.partition("=")[::2] for option in text.split("&")] if text else []
    options = dict(pairs)
    if len(options) < len(pairs) or not options.keys() <= reader.options.keys() or not all(options.values()):
        form = "&".join(f"{name}={value}" for name, value in reader.options.items())
        raise InputError(
            f"{spec!r} is not understood; expected {reader.name}:PATH, or '{reader.name}:PATH?{form}' for "
            f"{reader.about_options}."
        )
    return options
