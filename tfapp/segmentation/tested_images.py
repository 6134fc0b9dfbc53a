"""Test images of data that are named for a test: those that a run did not train on, as far as the files tell."""

import warnings

from tfapp.data.copies import image_hashes
from tfapp.errors import InputError


def images_to_test(run, dataset, beside=()):
    """Return the items of a dataset that a model is to be tested on.

    Where the dataset is what the run was trained on, here or elsewhere on the disk, they are the run's own test images.
    Otherwise they are the official test images, or everything where there is no official split; a warning tells how
    many of them the run was trained on.

    Args:
        run: `Run`; None for another model, which has no training images that are known.
        dataset: `Dataset`.
        beside: Runs that are tested beside it: if the dataset is that of one of them, its test images are taken, so
            that all are tested on the same.
    """
    own = next((one for one in (run, *beside) if one is not None and is_own(one, dataset)), None)
    items = dataset.test_items if own is None else dataset.select(own.split.test)
    if run is not None and own is not run:
        warn_of_training_images(run, dataset, items)
    return items


def own_test_images_remark(runs, dataset):
    """Return a sentence if a dataset is what one of the runs was trained on and a part of it is tested, or None."""
    own = next((run for run in runs if is_own(run, dataset)), None)
    count = own and len(own.split.test)
    if own is None or count == len(dataset.test_items):
        return None
    return (
        f"{dataset.spec} is what {own.path} was trained on: of its {len(dataset.items)} images the {count} test "
        "image(s) of that run are taken."
    )


def is_own(run, dataset):
    """Return whether a dataset is what a run was trained on, here or elsewhere on the disk."""
    return dataset.content_fingerprint() == run.content_fingerprint


def warn_of_training_images(run, dataset, items):
    """Warn, with their number, if items that a run is tested on have images that it was trained on.

    Args:
        run: `Run`.
        dataset: `Dataset` of the items.
        items: `Item`s.
    """
    trained_on = _training_hashes(run)
    hashes = image_hashes(dataset.items)
    seen = [item.name for item in items if hashes.get(item.name) in trained_on]
    if seen:
        warnings.warn(
            f"{len(seen)} of the {len(items)} test image(s) of {dataset.spec} are images that {run.path} was trained "
            f"on, such as {seen[0]}: its measures tell too much. Take them out of the data.",
            stacklevel=4,
        )


def _training_hashes(run):
    stored = run.record["data"].get("images")
    if stored is None:
        # Runs from before the hashes were kept: the files tell, as long as they are there and the same.
        try:
            if not is_own(run, run.dataset):
                return set()
            stored = image_hashes(run.dataset.items)
        except InputError:
            return set()
    return {stored[name] for name in run.split.train if name in stored}
