import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.segmentation.conftest import TINY
from tfapp.errors import InputError
from tfapp.layers import TVSoftmax
from tfapp.models import logits_of
from tfapp.reproduce.tv import pairs as post_tv
from tfapp.reproduce.tv.pairs import choose_weight
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train

WEIGHTS = (3.0, 0.2, 1.0)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A run that has learned enough for the weights to matter."""
    config = replace(TINY, head="softmax", base_width=8, epochs=3, steps_per_epoch=60, learning_rate=5e-3)
    return train("cells:20:32", tmp_path_factory.mktemp("runs") / "learned", config)


@pytest.fixture
def scored(monkeypatch):
    """Return a function that makes networks with these weights have these scores."""

    def score(scores):
        monkeypatch.setattr(post_tv, "Segmenter", lambda run, weight: weight)
        row = type("Row", (), {})
        monkeypatch.setattr(
            post_tv, "measure", lambda weight, *_: setattr(row, "mean_iou", scores[weight]) or row
        )

    return score


def reference_iou(run, weight):
    """Mean IoU of the TV layer behind the logits over all validation pixels, by sets of pixels in NumPy."""
    items = run.items("validation")
    logits = logits_of(run.load_model())(np.stack([item.read_image() for item in items]))
    regular = TVSoftmax(weight, learn_tv_weight=False, iterations=300)(logits)
    predicted, truth = np.argmax(regular, -1), np.stack([item.read_mask() for item in items])
    both = [((predicted == c) & (truth == c)).sum() for c in range(3)]
    either = [((predicted == c) | (truth == c)).sum() for c in range(3)]
    return np.mean([b / e for b, e in zip(both, either, strict=True) if e])


def copy_of(run, folder, edit):
    shutil.copytree(run.path, folder)
    record = json.loads((folder / "run.json").read_text())
    edit(record)
    (folder / "run.json").write_text(json.dumps(record))
    return Run.open(folder)


def test_weight_with_the_highest_score_is_chosen(trained, scored):
    scored({0.5: 0.6, 2.0: 0.8, 8.0: 0.7})
    assert choose_weight(trained["softmax"], (8.0, 2.0, 0.5)) == 2.0


def test_of_equally_good_weights_the_smallest_is_chosen(trained, scored):
    scored({0.5: 0.6, 2.0: 0.8, 8.0: 0.8})
    assert choose_weight(trained["softmax"], (8.0, 2.0, 0.5)) == 2.0


def test_score_is_the_mean_iou_of_the_validation_images(learned):
    scores = [reference_iou(learned, weight) for weight in WEIGHTS]
    assert len(set(scores)) == len(scores)
    assert choose_weight(learned, WEIGHTS) == WEIGHTS[int(np.argmax(scores))]


def test_test_images_have_no_say(learned, tmp_path):
    def lose_the_test_images(record):
        record["data"]["split"]["test"] = ["no such image"]

    run = copy_of(learned, tmp_path / "run", lose_the_test_images)
    assert choose_weight(run, WEIGHTS) == choose_weight(learned, WEIGHTS)


def test_run_without_validation_images_is_refused(tmp_path, tiny):
    run = train("cells:20:32", tmp_path / "run", tiny(head="softmax", validation_share=0.0, epochs=1))
    with pytest.raises(InputError, match="has no validation images to choose lambda on; train with a `val"):
        choose_weight(run)


def test_run_with_total_variation_already_is_refused(trained):
    with pytest.raises(InputError, match="without a TV head"):
        choose_weight(trained["tv-softmax"])


def test_every_weight_advances_the_progress(trained):
    steps = []
    choose_weight(trained["softmax"], WEIGHTS, advance=lambda: steps.append(1))
    assert len(steps) == len(WEIGHTS)
