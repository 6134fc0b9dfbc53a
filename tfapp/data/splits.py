"""Seeded splits that keep groups together."""

from dataclasses import asdict, dataclass

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


def split_items(dataset, seed=0, test_share=0.2, validation_share=0.1):
    """Split a dataset at random, by groups.

    Args:
        dataset: The dataset.
        seed: Seed of the permutation.
        test_share: Share of all images for testing, in (0, 1).
        validation_share: Share of all images watched while training, in [0, 1).

    Returns:
        A `Split`; a group is never divided, so counts may exceed a share by less than one group.

    Raises:
        InputError: If the shares leave no image for training or testing.
    """
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


def _take(groups, count):
    taken = []
    while len(taken) < count and groups:
        taken.extend(groups.pop(0))
    return taken
