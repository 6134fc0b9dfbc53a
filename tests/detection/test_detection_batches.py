"""Batches that a detector is trained on."""

import numpy as np
import pytest
from tiny_detector import tiny_config, write_boxed

from tfapp.data import open_boxes
from tfapp.detection.batches import ordered_batches, training_stream
from tfapp.detection.geometry import overlaps
from tfapp.detection.run import sampler_of


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return open_boxes(write_boxed(tmp_path_factory.mktemp("boxes") / "own")).train


def sampler(images, augmented=False, **options):
    return sampler_of(tiny_config("vgg16", **options), 8, images, augmented=augmented)


def taken(stream, count):
    return [
        [{name: array.numpy() for name, array in part.items()} for part in batch]
        for batch in stream.take(count)
    ]


def equal(first, second):
    return all(
        (one[name] == other[name]).all()
        for a, b in zip(first, second, strict=True)
        for one, other in zip(a, b, strict=True)
        for name in one
    )


def test_stream_begun_later_gives_the_batches_of_the_unbroken_one(images):
    of_all = sampler(images, augmented=True, augment="mirror,scale=0.8-1.2,brightness")
    assert equal(taken(training_stream(of_all, 3, 5), 5)[2:], taken(training_stream(of_all, 3, 5, 2), 3))


def test_streams_of_two_seeds_differ(images):
    one, other = (taken(training_stream(sampler(images), 2, seed), 1) for seed in (0, 1))
    assert not equal(one, other)


def test_every_image_comes_once_in_a_pass(images):
    of_all = sampler(images)
    batches = taken(training_stream(of_all, 2, 0), 4)
    sums = sorted(float(image.sum()) for inputs, *_ in batches for image in inputs["images"])
    expected = sorted(float(of_all.batch([at], [(0, 0)])["images"].sum()) for at in range(8))
    assert sums == pytest.approx(expected)


def test_mirrored_boxes_lie_on_the_mirrored_objects(images):
    of_all = sampler(images, augmented=True, augment="mirror", regions=512, foreground=1.0)
    bright = 1 + list(open_names(images)).index("bright")
    found = set()
    for seed in range(8):
        batch = of_all.batch([0], [(seed, 0)])
        [box] = batch["regions"][0][(batch["labels"][0] == bright) & ~batch["offsets"][0].any(axis=-1)][:1]
        y1, x1, y2, x2 = np.round(box).astype(int)
        assert batch["images"][0, y1 + 1 : y2 - 1, x1 + 1 : x2 - 1].mean() > 0.9
        found.add(int(x1))
    assert len(found) == 2


def open_names(images):
    return open_boxes(f"voc-boxes:{images[0].file.parent}").class_names


def test_scaled_boxes_lie_on_the_scaled_objects(images):
    of_all = sampler(images, shorter_side=128, longer_side=400, regions=512, foreground=1.0)
    bright = 1 + list(open_names(images)).index("bright")
    batch = of_all.batch([0], [(0, 0)])
    assert batch["images"].shape == (1, 128, 160, 3)
    [box] = batch["regions"][0][(batch["labels"][0] == bright) & ~batch["offsets"][0].any(axis=-1)][:1]
    y1, x1, y2, x2 = np.round(box).astype(int)
    assert batch["images"][0, y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].mean() > 0.9


def test_sides_of_a_batch_are_multiples_of_the_stride(images):
    batch = sampler(images, shorter_side=61, longer_side=99).batch([0, 1], [(0, 0), (0, 1)])
    assert batch["images"].shape[1:3] == (64, 80) and not batch["images"][:, 61:].any()


def test_anchor_targets_are_of_the_anchors_of_the_batch(images):
    of_all = sampler(images)
    batch = of_all.batch([2], [(0, 0)])
    anchors = of_all.anchors(*(length // 8 for length in batch["images"].shape[1:3]))
    found = overlaps(anchors, images[2].boxes.corners)
    assert (found[batch["anchor_labels"][0] > 0].max(axis=1) > 0.3).all()
    assert batch["anchor_labels"].shape == (1, len(anchors))


def test_proposals_of_files_follow_the_scale_of_the_image(images):
    [box] = images[1].boxes.corners[:1]
    config = tiny_config("vgg16", proposals="of.npz", shorter_side=128, longer_side=400)
    of_all = sampler_of(config, 8, images, [box[None] + np.float32([[0, 0, 1, 1]])] * 8)
    batch = of_all.batch([1], [(0, 0)])
    shown = batch["regions"][0][batch["labels"][0] > 0]
    assert (np.abs(shown - 2 * (box + [0, 0, 1, 1])).max(axis=1) < 1e-3).any()
    assert "anchor_labels" not in batch


def test_one_pass_in_order_is_the_same_twice(images):
    one, other = (taken(ordered_batches(sampler(images), 3, 7, [4, 0, 2, 6]), 2) for _ in range(2))
    assert equal(one, other) and [len(inputs["images"]) for inputs, *_ in one] == [3, 1]
