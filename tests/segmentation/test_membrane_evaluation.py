from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import write_folder
from tests.segmentation.conftest import TINY
from tfapp.data import open_dataset, parse_noises
from tfapp.errors import InputError
from tfapp.segmentation.evaluation import (
    EvaluationData,
    Segmenter,
    check_membranes,
    evaluate,
    evaluate_membranes,
    store_metrics,
)
from tfapp.segmentation.membrane_scores import membrane_scores
from tfapp.segmentation.run import Run
from tfapp.segmentation.shape_scores import ShapeScores, shape_scores
from tfapp.segmentation.training import train

CLEAN = parse_noises(["gaussian=0"])


@pytest.fixture(scope="session")
def run(once):
    """A tiny run on images of 40x56 pixels, resized to 32x32, that are membrane around one cell."""
    config = replace(TINY, head="softmax", resize=(32, 32), batch_size=2, epochs=1)

    def make(folder):
        classes = ["0 membrane", "255 cell"]
        own = write_folder(folder / "own", size=(40, 56), values=(0, 255), classes=classes)
        train(f"folder:{own}", folder / "run", config)

    return Run.open(once("membranes", make) / "run")


@pytest.fixture(scope="module")
def segmenter(run):
    return Segmenter(run)


@pytest.fixture(scope="module")
def data(run):
    return EvaluationData(run)


@pytest.mark.slow
def test_scores_are_those_of_the_probability_of_the_cell_at_the_size_of_the_mask(run, segmenter, data):
    network = run.segmenter()
    images = [item.read_image() for item in data.items]
    probabilities = [network(image[None])[0, ..., 1].numpy() for image in images]
    expected = membrane_scores([item.read_mask() == 1 for item in data.items], probabilities)
    assert evaluate_membranes(segmenter, data) == pytest.approx(expected, abs=1e-6)


def test_cell_may_be_the_first_class(segmenter, data, make_folder):
    flipped = open_dataset(f"folder:{make_folder(values=(0, 255), classes=['255 cell', '0 membrane'])}")
    check_membranes(flipped)

    class Flipped:
        def probabilities_at(self, images, sizes, names):
            return (part[..., ::-1] for part in segmenter.probabilities_at(images, sizes, names))

    class FlippedData:
        dataset, items = flipped, data.items
        images, masks = data.images, [1 - mask for mask in data.masks]

    assert evaluate_membranes(Flipped(), FlippedData()) == evaluate_membranes(segmenter, data)


def test_evaluation_has_the_scores_when_they_are_asked_for(segmenter, data):
    assert evaluate(segmenter, data, CLEAN).membranes is None
    assert evaluate(segmenter, data, CLEAN, membranes=True).membranes == evaluate_membranes(segmenter, data)


def test_scores_are_stored(run, segmenter, data):
    evaluation = evaluate(segmenter, data, CLEAN, membranes=True)
    store_metrics(run, evaluation)
    assert run.metrics()["Unet"]["membrane_scores"] == evaluation.membranes._asdict()


def test_other_classes_are_refused():
    with pytest.raises(
        InputError, match="one is called 'membrane'; cells:9:32 has background, cytoplasm, nucleus"
    ):
        check_membranes(open_dataset("cells:9:32"))


def test_command_prints_the_scores(run):
    from typer.testing import CliRunner

    from tfapp.cli.main import app

    arguments = ["evaluate", str(run.path), "--noise", "gaussian=0", "--membrane-scores"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "V_rand" in result.output and "V_info" in result.output


def test_command_prints_shape_scores_and_stores_them_for_the_page(run, segmenter, data):
    from typer.testing import CliRunner

    from tfapp.cli.main import app
    from tfapp.segmentation.page.contents import read_metrics

    arguments = ["evaluate", str(run.path), "--noise", "gaussian=0", "--shape-scores"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "boundary F1" in result.output and "HD95" in result.output
    [stored] = read_metrics(run)
    predicted = [
        segmenter.label_maps(image[None], [mask.shape])[0]
        for image, mask in zip(data.images, data.masks, strict=True)
    ]
    by_image = [shape_scores(mask, labels, 2)[1] for mask, labels in zip(data.masks, predicted, strict=True)]
    assert stored.clean.shapes[1] == pytest.approx(ShapeScores.mean(by_image), nan_ok=True)


@pytest.mark.slow
def test_isbi_has_membranes(real_data):
    dataset = open_dataset(f"isbi2012:{real_data('isbi2012')}")
    check_membranes(dataset)
    assert np.mean(dataset.items[0].read_mask() == dataset.class_names.index("membrane")) < 0.5


def test_scores_of_vessels_are_those_of_the_regions_that_they_part_and_of_labelled_pixels_alone():
    rng = np.random.default_rng(0)
    mask = np.where(np.indices((24, 24))[1] % 6 == 0, 1, 0)
    mask[:5] = 255
    background = np.clip(np.where(mask == 1, 0.2, 0.8) + rng.normal(0, 0.2, mask.shape), 0, 1)

    class Vessels:
        def probabilities_at(self, images, sizes, names):
            yield np.stack([background, 1 - background], -1)

    class Retina:
        class dataset:
            num_classes, class_names, spec = 2, ("background", "vessel"), "drive:x"

        items = (SimpleNamespace(name="01_test"),)
        images, masks = [np.zeros((24, 24, 3))], [mask]

    expected = membrane_scores([mask == 0], [background])
    assert evaluate_membranes(Vessels(), Retina, "vessel") == expected
    assert 0 < expected.rand < 1


def test_a_class_that_parts_regions_must_be_one_of_two(make_folder):
    dataset = open_dataset(f"folder:{make_folder(values=(0, 255), classes=['255 cell', '0 membrane'])}")
    with pytest.raises(InputError, match="one is called 'vessel'; folder:.* has cell, membrane"):
        check_membranes(dataset, "vessel")
