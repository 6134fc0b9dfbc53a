"""Splits for training, validation and testing: official lists first, otherwise drawn from a seed, by whole groups."""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from tfapp.errors import InputError


@dataclass(frozen=True)
class Split:
    """Names of the items for training, validation (watched while training) and testing."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @classmethod
    def of_items(cls, train, validation, test):
        """Return the split of three sequences of items."""
        return cls(*(tuple(item.name for item in items) for items in (train, validation, test)))

    @classmethod
    def from_json(cls, content):
        return cls(**{split: tuple(names) for split, names in content.items()})

    def to_json(self):
        return asdict(self)

    def with_train_images(self, count):
        """Return the split with only the first `count` training items; validation and testing stay.

        The training items are shuffled, so the smaller of two counts gives a random subset of the larger.

        Raises:
            InputError: If `count` is below 1 or above the number of training items.
        """
        if not 1 <= count <= len(self.train):
            raise InputError(
                f"`train_images` must be from 1 to {len(self.train)}, the training images of the split; got {count}."
            )
        return replace(self, train=self.train[:count])


def split_items(dataset, seed=0, test_share=0.2, validation_share=0.1, random_split=False):
    """Split a dataset: as its authors did, where they did, otherwise at random, by groups.

    An official split is kept. Its training items are shuffled, and where it has none for validation,
    `validation_share` of the training items becomes that.

    Args:
        dataset: The dataset.
        seed: Seed of the permutation.
        test_share: Share of all images for testing, in (0, 1); not used with an official split.
        validation_share: Share of all images watched while training, in [0, 1); not used with official
            validation items.
        random_split: Whether to split at random also where there is an official split, whose lists are mixed then.

    Returns:
        A `Split`; a group is never divided, so counts may exceed a share by less than one group.

    Raises:
        InputError: If the shares leave no image for training or testing.
    """
    rng = np.random.default_rng([seed, 0x5EED])
    if dataset.official_split is not None and not random_split:
        return _kept(dataset.official_split, rng, validation_share)
    groups = {}
    for item in dataset.items:
        groups.setdefault(item.group, []).append(item.name)
    total = len(dataset.items)
    counts = round(test_share * total), round(validation_share * total)
    train, test, validation = share_out(list(groups.values()), counts, rng)
    if not train or not test:
        raise InputError(
            f"{dataset.spec} has {total} image(s): too few to split into training and test "
            f"(test share {test_share:g}, validation share {validation_share:g})."
        )
    return Split(tuple(train), tuple(validation), tuple(test))


def share_out(groups, counts, rng):
    """Share out groups at random, none divided.

    Args:
        groups: Lists of what stays together.
        counts: How many members each share shall have; it gets whole groups, so the last may take it beyond that.
        rng: `numpy.random.Generator`, of which one permutation of the groups is drawn.

    Returns:
        Lists of members: what is left, then each share.
    """
    left = [groups[i] for i in rng.permutation(len(groups))]
    shares = [_take(left, count) for count in counts]
    return [member for group in left for member in group], *shares


def _take(groups, count):
    taken, used = [], 0
    while len(taken) < count and used < len(groups):
        taken.extend(groups[used])
        used += 1
    # All at once: each removed from the front would move all others.
    del groups[:used]
    return taken


def _kept(official, rng, validation_share):
    names = official.train
    count = 0 if official.validation else round(validation_share * len(names))
    if count == len(names):
        raise InputError(
            f"`validation_share` {validation_share:g} leaves none of the {count} training images."
        )
    # Official lists follow the video: only a shuffled one gives a fair sample of N training images.
    train, validation = share_out([[name] for name in names], [count], rng)
    return Split(tuple(train), official.validation or tuple(validation), official.test)


def quarter_by_hash(names):
    """Return whether each image is for testing: the quarter, at least one, whose names have the smallest hashes."""
    order = np.argsort(
        [
            hashlib.sha256(Path(name).as_posix().encode("utf-8", "surrogateescape")).hexdigest()
            for name in names
        ]
    )
    testing = np.zeros(len(names), bool)
    testing[order[: max(1, round(len(names) / 4))]] = True
    return testing
