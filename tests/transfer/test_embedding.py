from types import SimpleNamespace

import numpy as np
import pytest

from tests.transfer.made_up_run import embedding
from tfapp.errors import InputError
from tfapp.transfer.embedding import (
    EMBEDDED,
    chance_agreement,
    chosen_images,
    embed,
    embed_compared,
    neighbour_agreement,
    read_embedding,
    write_embedding,
)


def clouds(count=24, classes=3, noise=0.05, seed=0):
    """Return features around one direction for each class, and the classes."""
    labels = np.arange(count) % classes
    rng = np.random.default_rng(seed)
    return (np.eye(classes, 6)[labels] + rng.normal(0, noise, (count, 6))).astype(np.float32), labels


def targets_of(labels, classes=3):
    return np.where(np.asarray(labels)[:, None] == np.arange(classes), 1, -1).astype(np.int8)


def test_clouds_stay_together_in_the_plane():
    features, labels = clouds()
    points = embed(features, perplexity=5)
    assert points.shape == (24, 2) and points.dtype == np.float32
    assert neighbour_agreement(points, labels, k=3) == 1


def test_lengths_of_features_do_not_matter():
    features, _ = clouds()
    # Powers of two, so that the directions are the same to the last bit.
    lengths = 2.0 ** np.random.default_rng(1).integers(-2, 3, (len(features), 1))
    np.testing.assert_array_equal(embed(features * lengths), embed(features))


@pytest.mark.parametrize(("count", "expected"), [(4, 1.0), (31, 10.0), (301, 30.0)])
def test_perplexity_falls_to_a_third_of_the_other_images(count, expected, monkeypatch):
    asked = []

    def search(**options):
        asked.append(options["perplexity"])
        return SimpleNamespace(fit_transform=lambda features: features[:, :2])

    monkeypatch.setattr("tfapp.transfer.embedding.TSNE", search)
    embed(np.random.default_rng(0).normal(size=(count, 5)))
    assert asked == [expected]


def test_four_images_are_laid_out():
    assert np.isfinite(embed(clouds(4)[0])).all()


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.eye(3), r"at least 4 images .* Received: shape \(3, 3\)"),
        (np.ones((5, 1)), r"at least 2 features. Received: shape \(5, 1\)"),
        (np.full((5, 3), np.nan), "finite"),
        (np.arange(1.0, 6)[:, None] * np.ones(3), "all 5 images have the same"),
    ],
)
def test_features_that_cannot_be_laid_out_are_refused(features, message):
    with pytest.raises(InputError, match=message):
        embed(features)


def test_agreement_of_an_example_counted_by_hand():
    # On a line at 0, 1, 3, 7: nearest are 1, 0, 1, 3, of which the first two are of the same class.
    places, classes = np.array([[0.0], [1.0], [3.0], [7.0]]), np.array([0, 0, 1, 0])
    assert neighbour_agreement(places, classes, k=1) == 0.5


def test_agreement_is_that_of_sorted_distances():
    rng = np.random.default_rng(0)
    features, classes = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    distances = np.linalg.norm(features[:, None] - features, axis=-1)
    nearest = np.argsort(distances, axis=1)[:, 1:8]
    assert neighbour_agreement(features, classes, k=7) == np.mean(classes[nearest] == classes[:, None])


def test_an_image_is_not_its_own_neighbour_even_if_others_are_equal():
    assert neighbour_agreement(np.zeros((2, 3)), np.array([0, 1]), k=1) == 0


def test_agreement_with_all_other_images_is_that_of_chance():
    classes = np.array([0, 0, 0, 1, 1, 2])
    agreement = neighbour_agreement(np.random.default_rng(0).normal(size=(6, 2)), classes, k=99)
    assert agreement == pytest.approx((3 * 2 + 2 * 1) / (6 * 5))
    assert chance_agreement(classes) == pytest.approx(agreement)


def test_images_with_several_classes_or_one_that_does_not_count_are_left_out():
    targets = targets_of([0, 0, 0, 1, 1, 1, 2])
    targets[0, 1], targets[3, 2] = 1, 0
    images, classes, names = chosen_images(targets, "abc", most_images=99)
    assert images.tolist() == [1, 2, 4, 5, 6]
    assert [names[place] for place in classes] == ["a", "a", "b", "b", "c"]


def test_the_most_frequent_classes_are_shown_in_their_own_order():
    targets = targets_of([0] * 2 + [1] * 3 + [2] * 4)
    images, classes, names = chosen_images(targets, "abc", most_classes=2)
    assert names == ("b", "c") and images.tolist() == list(range(2, 9))
    assert classes.tolist() == [0] * 3 + [1] * 4


def test_the_draw_is_balanced_and_depends_on_the_seed():
    targets = targets_of([0] * 50 + [1] * 20 + [2] * 2)
    chosen = [chosen_images(targets, "abc", most_images=30, seed=seed) for seed in (0, 0, 1)]
    assert np.bincount(chosen[0][1]).tolist() == [10, 10, 2]
    np.testing.assert_array_equal(chosen[0][0], chosen[1][0])
    assert chosen[0][0].tolist() != chosen[2][0].tolist()


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        (np.ones((9, 3), np.int8), {}, "0 of the 9 images do, of which 0 of 0"),
        (targets_of([0] * 9), {}, "9 of the 9 images do, of which 9 of 1"),
        (targets_of([0, 1] * 4), {"most_images": 3}, "8 of the 8 images do, of which 2 of 2"),
    ],
)
def test_too_few_images_or_classes_are_refused(targets, options, message):
    with pytest.raises(InputError, match=message):
        chosen_images(targets, "abc", **options)


def test_all_features_are_laid_out_for_the_same_images():
    features, labels = clouds()
    compared = SimpleNamespace(
        features={name: (None, features * scale) for name, scale in zip(EMBEDDED, (1, 2, 4), strict=True)},
        targets=(None, targets_of(labels)),
        class_names=("a", "b", "c"),
    )
    steps = []
    found = embed_compared(compared, most_images=18, perplexity=3, progress=lambda *step: steps.append(step))
    np.testing.assert_array_equal(labels[found.images], found.classes)
    np.testing.assert_array_equal(found.points["low"], found.points["high"])
    # Ten neighbours, of which only the five others of the cloud are of the class.
    assert found.agreements["transferred"][0] == 0.5
    assert steps == [("high", 1, 3), ("low", 2, 3), ("transferred", 3, 3)]


def test_a_file_gives_back_what_was_written(tmp_path):
    written = embedding()
    write_embedding(written, tmp_path / "embedding.npz")
    read = read_embedding(tmp_path / "embedding.npz")
    for name in EMBEDDED:
        np.testing.assert_array_equal(read.points[name], written.points[name])
    np.testing.assert_array_equal(read.classes, written.classes)
    np.testing.assert_array_equal(read.images, written.images)
    assert (read.class_names, read.agreements) == (written.class_names, written.agreements)


@pytest.mark.parametrize("kept", [0, 5, 300])
def test_damaged_files_are_named(tmp_path, kept):
    file = tmp_path / "embedding.npz"
    write_embedding(embedding(), file)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InputError, match="embedding.npz is missing or damaged"):
        read_embedding(file)


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("classes", lambda values: values + 9, "a point of a class without a name"),
        ("classes", lambda values: values[1:], "are not .* finite ones of the plane"),
        ("images", lambda values: values[1:], "not one class and one image for each point"),
        (EMBEDDED[0], lambda values: values * np.nan, "are not .* finite ones of the plane"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(tmp_path, name, change, found):
    file = tmp_path / "embedding.npz"
    write_embedding(embedding(), file)
    with np.load(file) as stored:
        arrays = dict(stored)
    np.savez(file, **arrays | {name: change(arrays[name])})
    with pytest.raises(InputError, match=f"embedding.npz is missing or damaged .*{found}"):
        read_embedding(file)
