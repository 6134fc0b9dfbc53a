import weakref

import keras
import numpy as np
import pytest

from tfapp.data import open_dataset, parse_noises
from tfapp.errors import InputError
from tfapp.models import on_simplex
from tfapp.runs.progress import Progress
from tfapp.segmentation import evaluation_data
from tfapp.segmentation.comparison import compare
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate
from tfapp.segmentation.keras_file import KerasFile

NOISES = parse_noises(["gaussian=0.05"])


@pytest.fixture
def network():
    images = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 5, padding="same", activation="relu")(images)
    return keras.Model(images, keras.layers.Conv2D(3, 3, padding="same")(x))


class Regression:
    """What a `Segmenter` asks of a run whose network regresses classes."""

    title = "net"

    def __init__(self, model):
        self._model = model

    def network(self, post_tv):
        return on_simplex(self._model)


def test_labels_probabilities_and_outputs_by_tiles_are_those_of_whole_images(network):
    images = np.random.default_rng(0).random((2, 30, 41, 3), np.float32)
    whole, tiled = (Segmenter(Regression(network), tile=tile) for tile in ("off", 16))
    np.testing.assert_allclose(tiled.probabilities(images), whole.probabilities(images), atol=1e-6)
    np.testing.assert_allclose(tiled.outputs(images), whole.outputs(images), atol=1e-6)
    for sizes in ([(30, 41)] * 2, [(15, 20), (60, 82)]):
        found, expected = (segmenter.label_maps(images, sizes) for segmenter in (tiled, whole))
        assert [one.dtype for one in found] == [np.int32] * 2
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.fixture
def source(network, tmp_path):
    network.save(tmp_path / "net.keras")
    return KerasFile(tmp_path / "net.keras", output="logits")


@pytest.mark.slow
def test_measures_by_tiles_are_those_of_whole_images(source, make_folder):
    data = EvaluationData(source, open_dataset(f"folder:{make_folder()}"))
    whole, tiled = (evaluate(Segmenter(source, tile=tile), data, NOISES) for tile in ("off", 20))
    assert tiled.rows == whole.rows
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-6)


@pytest.mark.slow
def test_one_image_is_kept_where_there_are_many_pixels(source, make_folder, monkeypatch):
    dataset = open_dataset(f"folder:{make_folder(size=(32, 48))}")
    expected = evaluate(Segmenter(source), EvaluationData(source, dataset), NOISES)
    monkeypatch.setattr(evaluation_data, "KEPT_PIXELS", 6 * 32 * 48 - 1)
    data = EvaluationData(source, dataset)
    assert evaluate(Segmenter(source), data, NOISES) == expected
    kept = [weakref.ref(data.pairs[index][0]) for index in range(3)]
    assert [one() is None for one in kept] == [True, True, False]


@pytest.mark.slow
def test_tiles_that_a_network_cannot_have_are_refused_before_anything_is_evaluated(source, make_folder):
    dataset = open_dataset(f"folder:{make_folder()}")
    with pytest.raises(InputError, match="`tile` 6 is too small: the network has a margin of 3 pixels"):
        compare([source], NOISES, dataset=dataset, tile=6)
    with pytest.raises(InputError, match="decides by the whole image how it iterates; say by `margin`"):
        compare([source], NOISES, dataset=dataset, post_tv=[1.0], tile=16)


class Heard(Progress):
    """Keeps the sentences on labels that may differ."""

    def __init__(self):
        self.said = []

    def say(self, text):
        self.said += [text] if "may differ" in text else []


@pytest.mark.slow
@pytest.mark.parametrize(("tile", "is_cut"), [(16, True), (32, False)])
def test_measures_of_too_small_a_margin_are_told_and_not_kept_where_images_are_cut(
    copy_of, trained, tile, is_cut
):
    run, heard = copy_of(trained["softmax"]), Heard()  # images of 32 x 32
    (run.path / "metrics.json").unlink(missing_ok=True)
    compare([run], [], tile=tile, margin=0, progress=heard)
    assert [text.endswith("What is measured is not kept in `metrics.json`.") for text in heard.said] == [
        True
    ] * is_cut
    assert (run.path / "metrics.json").exists() is not is_cut


@pytest.mark.slow
def test_tiles_are_told_with_the_name_of_their_image(source, make_folder):
    class Seen(Progress):
        def __init__(self):
            self.titles = set()

        def opened(self, task):
            self.titles.add(task.title)

    data, seen = EvaluationData(source, open_dataset(f"folder:{make_folder()}")), Seen()
    evaluate(Segmenter(source, tile=20, progress=seen), data, NOISES)
    assert seen.titles == {f"{item.name}, by tiles" for item in data.items}
