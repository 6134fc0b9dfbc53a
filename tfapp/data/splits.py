"""Seeded splits that keep groups together."""

from dataclasses import asdict, dataclass, replace

import numpy as np

from tfapp.errors import InputError


@dataclass(frozen=True)
class Split:
    """Names of the items for training, validation (watched while training) and testing."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @classmethod
    def from_json(cls, content):
        return cls(**{part: tuple(names) for part, names in content.items()})

    def to_json(self):
        return asdict(self)

    def with_train_images(self, count):
        """Return the split with only the first `count` training items; the other parts stay.

        The training part is shuffled, so the smaller of two counts gives a random subset of the larger.

        Raises:
            InputError: If `count` is below 1 or above the number of training items.
        """
        if not 1 <= count <= len(self.train):
            raise InputError(
                f"--train-images must be from 1 to {len(self.train)}, the training images of the split; got {count}."
            )
        return replace(self, train=self.train[:count])


def split_items(dataset, seed=0, test_share=0.2, validation_share=0.1):
    """Split a dataset: as its authors did, where they did, otherwise at random, by groups.

    An official split is kept. Its training part is shuffled, and where it has no validation part,
    `validation_share` of the training part becomes that.

    Args:
        dataset: The dataset.
        seed: Seed of the permutation.
        test_share: Share of all images for testing, in (0, 1); not used with an official split.
        validation_share: Share of all images watched while training, in [0, 1); not used with an official
            validation part.

    Returns:
        A `Split`; a group is never divided, so counts may exceed a share by less than one group.

    Raises:
        InputError: If the shares leave no image for training or testing.
    """
    if dataset.official_split is not None:
        return _kept(dataset.official_split, seed, validation_share)
    groups = {}
    for item in dataset.items:
        groups.setdefault(item.group, []).append(item.name)
    order = np.random.default_rng([seed, 0x5EED]).permutation(len(groups))
    shuffled = [list(groups.values())[i] for i in order]
    total = len(dataset.items)
    test = _take(shuffled, round(test_share * total))
    validation = _take(shuffled, round(validation_share * total))
    train = [name for group in shuffled for name in group]
    if not train or not test:
        raise InputError(
            f"{dataset.spec} has {total} image(s): too few to split into training and test "
            f"(test share {test_share:g}, validation share {validation_share:g})."
        )
    return Split(tuple(train), tuple(validation), tuple(test))


def _kept(official, seed, validation_share):
    # Official lists follow the video: only a shuffled one gives a fair sample of N training images.
    order = np.random.default_rng([seed, 0x5EED]).permutation(len(official.train))
    train = tuple(official.train[i] for i in order)
    count = 0 if official.validation else round(validation_share * len(train))
    if count == len(train):
        raise InputError(
            f"--validation-share {validation_share:g} leaves none of the {count} training images."
        )
    return Split(train[count:], official.validation or train[:count], official.test)


def _take(groups, count):
    taken = []
    while len(taken) < count and groups:
        taken.extend(groups.pop(0))
    return taken
