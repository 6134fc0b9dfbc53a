"""What the files of a run's own data are now, compared with those that it was trained on."""

import hashlib
import warnings

from tfapp.data.copies import image_hashes, truth_hashes
from tfapp.errors import InputError


def warn_of_changes(run, split, items):
    """Warn if files of a run's own data are others than when it was trained: numbers are then of other data.

    Of runs from before hashes of single masks were kept it is told that something changed, if images did not; of those
    from before any were kept nothing can be told.

    Args:
        run: `Run`.
        split: `train`, `validation` or `test`.
        items: Its items of that split, of its own data.
    """
    data, kind = run.record["data"], _KINDS[split]
    if "images" not in data or not any(item.files for item in items):
        return
    changed = _differing(data["images"], image_hashes(items)) | _differing(
        data.get("truths", {}), truth_hashes(items)
    )
    if changed:
        first = next(item.name for item in items if item.name in changed)
        sentence = (
            f"{len(changed)} of the {len(items)} {kind} image(s) of {run.path} changed since its training, or their "
            f"masks or targets did, the first is {first}: what is measured on them is of the changed data."
        )
    elif "truths" not in data and _untold_change(run):
        sentence = (
            f"Files of {data['spec']} changed since the training of {run.path}, and its record does not tell whether "
            f"masks of its {kind} images are among them: what is measured may be of changed data."
        )
    else:
        return
    warnings.warn(sentence, stacklevel=4)


def hash_of_tested(items):
    """Return what tells whether two tests were of the same files, a text: a hash of the names and one of the contents.

    None for images that are generated.
    """
    items = sorted(items, key=lambda item: item.name)
    if not any(item.files for item in items):
        return None
    images, truths = image_hashes(items), truth_hashes(items)
    contents = [_content(hashes.get(item.name, "")) for item in items for hashes in (images, truths)]
    return f"{_digest(item.name for item in items)} {_digest(contents)}"


def on_changed_files(tested):
    """Return whether two of some `hash_of_tested` are of images of the same names and other content."""
    contents = {}
    for one in filter(None, tested):
        names, _, content = one.partition(" ")
        if contents.setdefault(names, content) != content:
            return True
    return False


def changed_since_test(run, tested):
    """Return whether a run's own test images are others now than when it was tested.

    Args:
        run: `Run`.
        tested: `hash_of_tested` of then; None if it was not kept.
    """
    if tested is None:
        return False
    try:
        return on_changed_files([tested, hash_of_tested(run.items("test"))])
    except InputError:  # the data are gone, or short of images: whoever needs them says so
        return False


_KINDS = {"train": "training", "validation": "validation", "test": "test"}


def _differing(then, now):
    return {name for name, found in now.items() if name in then and _content(then[name]) != _content(found)}


def _untold_change(run):
    """Return whether masks changed, or images of another split, of a run that has no hashes of its masks."""
    # Images that were added are of no split.
    if {item.name for item in run.dataset.items} != set(run.record["data"]["images"]):
        return False
    return run.dataset.content_fingerprint() != run.content_fingerprint


def _content(text):
    # What follows is the place of an image in a file of several.
    return text.partition("-")[0]


def _digest(texts):
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()[:16]
