"""Images that are there more than once, byte by byte: tested on after training, or of two classes."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from tfapp.files import content_hash

# Files whose last bytes differ are not read as a whole; the first ones of a camera's files may well be the same.
_ENDING = 4096
# Official lists are as they are, and may be of a million images.
_OWN = ("folders:", "labels:", "voc-boxes:", "coco:")


def repeated_notices(data, *, splits=True):
    """Return sentences on images of a person's own whose files hold the same bytes as another's, often none.

    One counts those that are for training and for testing, which measure what was learned by heart; one those that have
    different labels, of which one is wrong.

    Args:
        data: `ClassificationSet`, `MultiLabelSet` or `BoxedSet`.
        splits: Whether to count the former.
    """
    if not data.spec.startswith(_OWN):
        return []
    places = [
        (content, number, _label(images, place))
        for number, images in enumerate(data.splits)
        for place, content in enumerate(images.contents)
        if isinstance(content, Path)
    ]
    groups = _same_content(places)
    kinds = (
        (
            1,
            "both for training and for testing",
            "its test measures what was learned by heart: remove one of each",
        ),
        (2, "with different labels", "one of them is wrong: remove it"),
    )
    notices = []
    for column, words, consequence in kinds if splits else kinds[1:]:
        found = [group for group in groups if len({one[column] for one in group}) > 1]
        if found:
            first, other = _two_that_differ(found[0], column)
            notices.append(
                f"{len(found)} image(s) of {data.spec} are there more than once, {words}; {consequence}. The first is "
                f"{first} and {other}, which hold the same bytes."
            )
    return notices


def _label(images, place):
    """Return what tells the labels of an image from those of another; None where boxes are what differs."""
    targets = getattr(images, "targets", None)
    if targets is not None:
        return np.asarray(targets[place]).tobytes()
    labels = getattr(images, "labels", None)
    return None if labels is None else int(labels[place])


def _same_content(places):
    """Return lists of two and more places whose files hold the same bytes, in the order of their first ones."""
    groups = [places]
    for key in (_size, _ending, content_hash):
        groups = [part for group in groups for part in _divided(group, key)]
    return groups


def _divided(group, key):
    found = defaultdict(list)
    for one in group:
        try:
            found[key(one[0])].append(one)
        except OSError:  # Told where it is read.
            continue
    return [part for part in found.values() if len(part) > 1]


def _size(file):
    size = file.stat().st_size
    # Empty files are damaged, and pipes must not be waited for.
    if not size or not file.is_file():
        raise FileNotFoundError(file)
    return size


def _ending(file):
    with open(file, "rb") as opened:
        opened.seek(max(0, file.stat().st_size - _ENDING))
        return opened.read()


def _two_that_differ(group, column):
    first = group[0]
    return first[0], next(one[0] for one in group if one[column] != first[column])
