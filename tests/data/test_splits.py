import pytest

from tfapp.data import Dataset, Item, split_items
from tfapp.errors import InputError


def dataset(count, groups=None):
    items = (Item(str(i), None, None, (8, 8), (), (groups or {}).get(i, str(i))) for i in range(count))
    return Dataset("test", ("a", "b"), 3, tuple(items))


def test_parts_are_disjoint_and_complete():
    split = split_items(dataset(50), 0, 0.4, 0.1)
    assert (len(split.train), len(split.validation), len(split.test)) == (25, 5, 20)
    assert sorted(split.train + split.validation + split.test, key=int) == [str(i) for i in range(50)]


def test_same_seed_gives_the_same_split_and_another_seed_another():
    assert split_items(dataset(50), 3) == split_items(dataset(50), 3)
    assert split_items(dataset(50), 3) != split_items(dataset(50), 4)


@pytest.mark.parametrize("seed", range(20))
def test_a_group_is_never_divided(seed):
    split = split_items(dataset(10, {2: "pair", 7: "pair"}), seed, 0.4, 0.2)
    parts = [part for part in (split.train, split.validation, split.test) if {"2", "7"} & set(part)]
    assert len(parts) == 1


@pytest.mark.parametrize(("count", "share"), [(1, 0.2), (2, 0.1), (2, 0.99)])
def test_too_few_images_are_refused(count, share):
    with pytest.raises(InputError, match="too few to split"):
        split_items(dataset(count), 0, share)


def test_split_survives_json():
    split = split_items(dataset(10))
    assert type(split).from_json(split.to_json()) == split
