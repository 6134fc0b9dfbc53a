"""From what a person types (`voc2007:PATH`, `labels:PATH`) to images with several labels."""

from pathlib import Path

import numpy as np

from tfapp.data.classification import ImageFiles
from tfapp.data.classification_specs import READERS as ONE_LABEL_READERS
from tfapp.data.classification_specs import names_classification, open_classification
from tfapp.data.labels_folder import labels_folder
from tfapp.data.multi_label import ABSENT, PRESENT, MultiLabelPart, MultiLabelSet, files_part
from tfapp.data.voc import voc2007
from tfapp.errors import InputError

NAMES = ("voc2007", "labels")
VOC_FORM = "voc2007:PATH, or 'voc2007:PATH?train=LIST&test=LIST' with the names of lists in ImageSets/Main"


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
    name, _, path = spec.partition(":")
    if name == "voc2007" and path:
        path, _, options = path.partition("?")
        folder = _folder(spec, path)
        return voc2007(folder, f"{name}:{folder}{'?' if options else ''}{options}", **_lists(spec, options))
    if name == "labels" and path:
        folder = _folder(spec, path)
        return labels_folder(folder, f"{name}:{folder}")
    if name == "digits" or (name in ONE_LABEL_READERS and path):
        return _multi_label(open_classification(spec))
    known = ", ".join(f"{reader}:PATH" for reader in (*NAMES, *ONE_LABEL_READERS))
    raise InputError(f"Unknown images with labels {spec!r}; expected {known}, or digits.")


def names_multi_label(text):
    """Return whether `text` names images that `open_multi_label` takes by its form, and not an existing folder."""
    if text.partition(":")[0] in NAMES:
        return not Path(text).is_dir()
    return names_classification(text)


def _folder(spec, path):
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise InputError(f"Folder {path} (of {spec!r}) does not exist or is not a folder.")
    # The absolute path, as in `open_dataset`: later commands find the data from anywhere.
    return folder.resolve()


def _lists(spec, options):
    pairs = [option.partition("=")[::2] for option in options.split("&")] if options else []
    lists = dict(pairs)
    if len(lists) < len(pairs) or not set(lists) <= {"train", "test"} or not all(lists.values()):
        raise InputError(f"{spec!r} is not understood; expected {VOC_FORM}.")
    return lists


def _multi_label(data):
    parts = [
        _part(part, name, data.num_classes) for part, name in zip(data.parts, ("train", "test"), strict=True)
    ]
    return MultiLabelSet(data.spec, data.class_names, *parts)


def _part(part, name, num_classes):
    targets = np.full((len(part), num_classes), ABSENT, np.int8)
    targets[np.arange(len(part)), part.labels] = PRESENT
    if isinstance(part, ImageFiles):
        return files_part([f"{file.parent.name}/{file.name}" for file in part.files], targets, part.files)
    names = tuple(f"{name}/{index:05d}" for index in range(len(part)))
    return MultiLabelPart(names, targets, part.read, part.images)
