import numpy as np
import pytest

from tfapp.data import Dataset, Item, Split, split_items
from tfapp.data.splits import share_out
from tfapp.errors import InputError


def dataset(count, groups=None, official=None):
    items = (Item(str(i), None, None, (8, 8), (), (groups or {}).get(i, str(i))) for i in range(count))
    return Dataset("test", ("a", "b"), 3, tuple(items), official_split=official)


def names(*numbers):
    return tuple(map(str, numbers))


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


def test_fewer_training_images_leave_the_other_parts():
    split = split_items(dataset(50), 3)
    fewer = split.with_train_images(7)
    assert fewer.train == split.train[:7]
    assert (fewer.validation, fewer.test) == (split.validation, split.test)


@pytest.mark.parametrize("count", [-1, 0, 36])
def test_training_images_that_the_split_does_not_have_are_refused(count):
    with pytest.raises(InputError, match=f"`train_images` must be from 1 to 35, .*; got {count}"):
        split_items(dataset(50)).with_train_images(count)


@pytest.mark.parametrize(("count", "share"), [(1, 0.2), (2, 0.1), (2, 0.99)])
def test_too_few_images_are_refused(count, share):
    with pytest.raises(InputError, match="too few to split"):
        split_items(dataset(count), 0, share)


def test_official_split_is_kept_whatever_the_shares():
    official = Split(names(0, 1, 2, 3), names(4), names(5, 6))
    split = split_items(dataset(7, official=official), 3, 0.9, 0.5)
    assert sorted(split.train) == ["0", "1", "2", "3"]
    assert (split.validation, split.test) == (official.validation, official.test)


def test_random_split_mixes_the_official_lists():
    of = dataset(60, official=Split(names(*range(50)), names(*range(50, 55)), names(*range(55, 60))))
    split = split_items(of, 3, 0.5, 0.0, random_split=True)
    assert split == split_items(dataset(60), 3, 0.5, 0.0)
    assert set(split.test) & set(of.official_split.train) and not split.validation


def test_share_of_sun_rgb_d_leaves_as_many_training_images_as_jia_liu_and_tai_have():
    split = split_items(dataset(10335), 0, 5050 / 10335, 0.0)
    assert (len(split.train), len(split.test)) == (5285, 5050)


def test_training_part_of_an_official_split_is_shuffled_by_the_seed():
    of = dataset(60, official=Split(names(*range(50)), (), names(*range(50, 60))))
    assert split_items(of, 3) == split_items(of, 3)
    assert split_items(of, 3).train != split_items(of, 4).train
    assert split_items(of, 3).train != names(*range(50))


def test_official_split_without_validation_gives_some_training_items_to_it():
    of = dataset(12, official=Split(names(*range(10)), (), names(10, 11)))
    split = split_items(of, 0, validation_share=0.2)
    assert (len(split.train), len(split.validation)) == (8, 2)
    assert sorted(split.train + split.validation) == sorted(names(*range(10)))


def test_validation_share_that_leaves_no_official_training_item_is_refused():
    of = dataset(4, official=Split(names(0, 1), (), names(2, 3)))
    with pytest.raises(InputError, match="`validation_share` 0.9 leaves none of the 2 training images"):
        split_items(of, 0, validation_share=0.9)


def test_test_items_are_the_official_test_part_or_everything():
    official = Split(names(0, 1), (), names(3, 2))
    assert [item.name for item in dataset(4, official=official).test_items] == ["3", "2"]
    assert len(dataset(4).test_items) == 4


def test_split_survives_json():
    split = split_items(dataset(10))
    assert type(split).from_json(split.to_json()) == split


def test_shares_are_taken_one_after_the_other_from_one_permutation_of_the_groups():
    order = np.random.default_rng(5).permutation(20)
    left, first, second = share_out([[i] for i in range(20)], (3, 4), np.random.default_rng(5))
    assert (first, second, left) == (order[:3].tolist(), order[3:7].tolist(), order[7:].tolist())


def test_share_gets_whole_groups_until_it_has_its_count():
    groups = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    left, share, empty = share_out(groups, (4, 0), np.random.default_rng(0))
    assert (len(left), len(share), empty) == (3, 6, [])
    assert all(set(group) <= set(left) or set(group) <= set(share) for group in groups)


def test_split_of_items_has_their_names():
    first, second, third = dataset(3).items
    assert Split.of_items([first, second], (), (third,)) == Split(names(0, 1), (), names(2))


def test_split_of_a_seed_is_the_one_that_runs_of_earlier_versions_have():
    # Written down with version 0.1: a run that is resumed must find its own images.
    grouped = split_items(dataset(12, {2: "pair", 7: "pair"}), 3, 0.3, 0.2)
    official = split_items(
        dataset(10, official=Split(names(*range(8)), (), names(8, 9))), 3, validation_share=0.25
    )
    assert grouped == Split(names(3, 2, 7, 8, 1, 9), names(5, 10), names(6, 0, 4, 11))
    assert official == Split(names(2, 3, 1, 7, 0, 5), names(6, 4), names(8, 9))
