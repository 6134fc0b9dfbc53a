"""Pictures that occur more than once, by the content of their files: in two splits of a dataset, or in two datasets.

Nothing is decoded for it. The same picture saved anew is another file; `tfapp data check` compares pixels.
"""

import hashlib
import os
from collections import Counter

from tfapp.files import content_hash

# Hex digits of a hash: by 64 bits two of a million files are alike by chance once in thirty million datasets.
_DIGITS = 16
# Examples that a sentence names; the rest is a number.
_NAMED = 4


def image_hashes(items):
    """Return what tells whether two images are the same file, by the names of the items: texts.

    Items without files, whose images are generated, are left out. Several items of one file are told apart by their
    place among them.
    """
    places, found = Counter(), {}
    for item in items:
        if item.files:
            file = os.fspath(item.files[0])
            place = f"-{places[file]}" if places[file] else ""
            found[item.name] = content_hash(item.files[0]).hex()[:_DIGITS] + place
            places[file] += 1
    return found


def truth_hashes(items):
    """Return what tells whether two masks, or targets, are the same files, by the names of the items: texts.

    Items of one file, such as those whose masks are generated, are left out.
    """
    found = {}
    for item in items:
        if len(item.files) > 1:
            digest = hashlib.sha256(b"".join(map(content_hash, item.files[1:])))
            found[item.name] = digest.hexdigest()[:_DIGITS]
    return found


def copies_sentences(split, hashes):
    """Return sentences on test and validation images that are copies of training images, none if there are none.

    Args:
        split: `Split`.
        hashes: Of the whole dataset, as from `image_hashes`.
    """
    trained_on = {}
    for name in split.train:
        if name in hashes:
            trained_on.setdefault(hashes[name], name)
    sentences = []
    for kind, names, harm in (
        ("test", split.test, "a test on them tells too much"),
        ("validation", split.validation, "what is watched while training tells too much"),
    ):
        copies = [(name, trained_on[hashes[name]]) for name in names if hashes.get(name) in trained_on]
        if copies:
            shown = ", ".join(f"{name} = {other}" for name, other in copies[:_NAMED])
            more = f" and {len(copies) - _NAMED} more" if len(copies) > _NAMED else ""
            sentences.append(
                f"{len(copies)} of {len(names)} {kind} image(s) are copies of training images, so {harm}: "
                f"{shown}{more}. Remove the copies and train again."
            )
    return sentences
