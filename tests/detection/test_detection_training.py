"""Training of detectors in a run folder, and what is made of the run."""

import csv
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image
from tiny_detector import tiny_config, write_backbone, write_boxed

from tfapp.data import open_boxes
from tfapp.detection.detector import Rules
from tfapp.detection.evaluation import evaluate_run, read_scores
from tfapp.detection.geometry import overlaps
from tfapp.detection.page import write_page
from tfapp.detection.prediction import check_places, predict
from tfapp.detection.proposals.files import write_proposals
from tfapp.detection.run import DetectionRun
from tfapp.detection.training import train
from tfapp.errors import InputError
from tfapp.landscape import landscape
from tfapp.runs.callbacks import TrainingDiverged
from tfapp.runs.checkpoints import read_history
from tfapp.runs.progress import SILENT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with images of squares and a backbone."""
    folder = tmp_path_factory.mktemp("detection")
    write_boxed(folder / "own", 24)
    write_backbone(folder / "small.keras")
    return folder


def config(place, **options):
    return tiny_config(str(place / "small.keras"), **options)


def trained(place, out, **options):
    return train(f"voc-boxes:{place / 'own'}", out, config(place, **options))


@pytest.fixture(scope="module")
def run(place):
    """Return a detector that has learned its squares."""
    options = {"epochs": 40, "solver": "adam=0.003", "dropout": 0.0, "head_width": 64, "frozen_stride": 0}
    return trained(place, place / "run", **options)


@pytest.fixture(scope="module")
def evaluated(run):
    return evaluate_run(run.path, Rules(nms=0.5))


def weights(run):
    return run.load_model().get_weights()


def test_resumed_training_ends_with_the_weights_of_an_unbroken_one(place, tmp_path):
    whole = trained(place, tmp_path / "whole", epochs=3, augment="mirror,scale=0.8-1.2")
    trained(place, tmp_path / "parts", epochs=1, augment="mirror,scale=0.8-1.2")
    parts = trained(place, tmp_path / "parts", epochs=3, augment="mirror,scale=0.8-1.2")
    for one, other in zip(weights(whole), weights(parts), strict=True):
        assert (one == other).all()


def test_run_with_another_option_is_not_resumed(place, tmp_path):
    trained(place, tmp_path / "run", epochs=1)
    with pytest.raises(InputError, match="another regions"):
        trained(place, tmp_path / "run", epochs=2, regions=8)


def test_history_has_both_losses_of_the_text(run):
    last = read_history(run.path)[-1]
    assert {"loss", "scores_loss", "offsets_loss", "objectness_loss", "anchor_offsets_loss"} <= set(last)


def test_squares_are_found(evaluated):
    scores, _ = evaluated
    assert scores["mean"]["11-point"] > 0.8


def test_boxes_are_in_pixels_of_the_image_that_is_given(run):
    image = run.images("test")[0]
    enlarged = np.asarray(Image.fromarray(np.uint8(255 * image.read())).resize((240, 192)), np.float32) / 255
    found = run.detector(Rules(min_score=0.3))(enlarged)
    assert (overlaps(image.boxes.corners * 3, found.corners).max(axis=1) > 0.5).all()


def test_assembled_model_is_loaded_from_its_file(run, tmp_path):
    detector = run.detector()
    detector.model.save(tmp_path / "detector.keras")
    again = keras.saving.load_model(tmp_path / "detector.keras")
    image = run.images("test")[0].read()[None]
    for one, other in zip(detector.model(image), again(image), strict=True):
        assert np.asarray(one) == pytest.approx(np.asarray(other), abs=1e-4)


def test_evaluation_writes_scores_that_are_read_back(run, evaluated):
    scores, written = evaluated
    found, current = read_scores(run)
    assert found == scores and current and all(file.is_file() for file in written)


def test_surface_has_the_loss_of_the_model_in_its_middle(run):
    solution = run.solution()
    model, (data,) = solution.load_model(), solution.sample(5, 0)
    surface = landscape(model, data, n=3)
    assert surface.loss[1, 1] == pytest.approx(
        model.evaluate(data, verbose=0, return_dict=True)["loss"], rel=1e-5
    )


def test_trained_on_proposals_of_a_file_it_is_tested_with_them(place, tmp_path):
    images = open_boxes(f"voc-boxes:{place / 'own'}").train
    rng = np.random.default_rng(0)
    boxes = [
        np.clip(np.repeat(image.boxes.corners, 4, axis=0) + rng.normal(0, 3, (8, 4)), 0, 64).astype(
            np.float32
        )
        for image in images
    ]
    write_proposals(tmp_path / "own.npz", [image.name for image in images], boxes)
    run = trained(
        place,
        tmp_path / "run",
        proposals=str(tmp_path / "own.npz"),
        epochs=30,
        solver="adam=0.003",
        frozen_stride=0,
        dropout=0.0,
        head_width=64,
    )
    scores, _ = evaluate_run(run.path)
    assert "objectness_loss" not in read_history(run.path)[-1] and scores["mean"]["11-point"] > 0.5
    write_proposals(tmp_path / "own.npz", [image.name for image in images], [one[:4] for one in boxes])
    with pytest.raises(InputError, match="other proposals"):
        evaluate_run(run.path)


def test_all_anchors_can_be_the_regions(place, tmp_path):
    run = trained(place, tmp_path / "run", proposals="anchors", epochs=1)
    assert run.detector(Rules(min_score=0.01))(run.images("test")[0].read()) is not None


def test_predicted_boxes_stand_in_a_table_with_the_names_of_the_classes(run, tmp_path):
    files = [image.file for image in run.images("test")]
    found = predict(run.detector(Rules(min_score=0.3)), files, tmp_path / "out", run.class_names)
    with open(tmp_path / "out" / "boxes.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(objects) for _, objects in found) > 0
    assert {row["class"] for row in rows} == {"bright", "dark"}
    assert all((tmp_path / "out" / f"{file.stem}-boxes.png").is_file() for file in files)


def test_somebody_elses_picture_is_not_replaced(run, tmp_path):
    files = [image.file for image in run.images("test")]
    (tmp_path / f"{files[0].stem}-boxes.png").write_bytes(b"mine")
    with pytest.raises(InputError, match="exists; choose another `out`"):
        check_places(files, files, tmp_path)


def test_changed_boxes_are_told_before_a_test(place, tmp_path):
    shutil.copytree(place / "own", tmp_path / "own")
    run = train(f"voc-boxes:{tmp_path / 'own'}", tmp_path / "run", config(place, epochs=1))
    file = tmp_path / "own" / "0.xml"
    file.write_text(file.read_text().replace("bright", "dark"))
    with pytest.raises(InputError, match="other images or boxes"):
        evaluate_run(run.path)


def test_resumed_run_is_the_one_in_its_folder(run):
    assert DetectionRun.open(run.path).config == run.config


def test_page_tells_the_result_and_shows_every_figure(run, evaluated, tmp_path):
    write_page([run.path], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    scores, _ = evaluated
    assert f"Mean average precision {100 * scores['mean']['11-point']:.1f} %" in page
    assert page.count("data:image/png") >= 5 and "is missing" not in page


def test_page_of_a_run_without_a_test_names_the_command(place, tmp_path):
    run = trained(place, tmp_path / "run", epochs=1)
    write_page([run.path], tmp_path / "page.html")
    assert f"tfapp detect evaluate {run.typed_path}" in (tmp_path / "page.html").read_text()


def test_damaged_image_ends_the_training_in_words_and_leaves_nothing(place, tmp_path):
    shutil.copytree(place / "own", tmp_path / "own")
    for number in range(24):
        file = tmp_path / "own" / f"{number}.png"
        file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(InputError, match="png is damaged or truncated"):
        train(f"voc-boxes:{tmp_path / 'own'}", tmp_path / "run", config(place))
    assert not (tmp_path / "run").exists()


def test_training_by_selective_search_keeps_its_proposals_and_resumes_to_the_same_weights(place, tmp_path):
    options = {"proposals": "selective-search", "min_side": 8}
    whole = trained(place, tmp_path / "whole", **options)
    evaluate_run(whole.path)
    cut = tmp_path / "cut"

    class Stopping(type(SILENT)):
        """Ends with the first proposals, as a killed process does."""

        def task(self, title, *arguments, **settings):
            if title == "training":
                raise KeyboardInterrupt
            return super().task(title, *arguments, **settings)

    with pytest.raises(KeyboardInterrupt):
        train(
            f"voc-boxes:{place / 'own'}",
            cut,
            config(place, **options),
            title="training",
            progress=Stopping(),
        )
    for one, other in zip(weights(whole), weights(trained(place, cut, **options)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("proposals", ["rpn", "selective-search"])
def test_loss_of_validation_images_is_watched(place, tmp_path, proposals):
    options = {"validation_share": 0.3, "proposals": proposals, "min_side": 8}
    found = trained(place, tmp_path / "run", **options)
    assert all(row["val_loss"] > 0 for row in read_history(found.path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record["data"]["split"].update(test=["nope"]), "its list test has the image 'nope'"),
        (lambda record: record["data"]["split"].update(test=[]), "its list test has no image"),
        (
            lambda record: record["offset_scale"].update(means=[[0, 0, 0, 0]]),
            "has 1 rows, expected one for each of 2",
        ),
    ],
)
def test_record_that_was_changed_is_refused(run, tmp_path, change, message):
    path = shutil.copytree(run.path, tmp_path / "run")
    record = json.loads((path / "run.json").read_text())
    change(record)
    (path / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=message):
        evaluate_run(path)


def test_history_is_read_before_anything_is_written(run, tmp_path):
    path = shutil.copytree(
        run.path, tmp_path / "run", ignore=shutil.ignore_patterns("figures", "metrics.json")
    )
    (path / "history.csv").write_text("epoch\n?\n")
    with pytest.raises(InputError, match="history.csv"):
        evaluate_run(path)
    assert not (path / "figures").exists()


@pytest.mark.parametrize(
    ("options", "message"), [({"iou": 0.05}, "`iou` must be above"), ({"form": "foo"}, "Unknown `ap`")]
)
def test_how_to_judge_is_checked_before_images_are_tested(run, monkeypatch, options, message):
    monkeypatch.setattr(DetectionRun, "detector", None)
    with pytest.raises(InputError, match=message):
        evaluate_run(run.path, **options)


def test_diverging_training_names_the_solver(place, tmp_path):
    with pytest.raises(TrainingDiverged, match="a smaller rate than that of `solver` adam=1e30"):
        trained(place, tmp_path / "run", solver="adam=1e30")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda image: np.uint8(255 * image),
            "has values of uint8; expected floats in .* divide 0..255 by 255",
        ),
        (lambda image: 255 * image, "has values from .* expected floats in .* divide 0..255 by 255"),
        (lambda image: np.full_like(image, np.nan), "has values from nan to nan"),
        (lambda image: image[..., :1], r"has the shape 64x80x1; expected one image, \(height, width, 3\)"),
        (lambda image: image[None], "has the shape 1x64x80x3"),
        (lambda image: image[:0], "has the shape 0x80x3"),
    ],
)
def test_array_that_is_no_image_in_0_to_1_is_refused(run, change, message):
    detector = run.detector()
    with pytest.raises(InputError, match=message):
        detector(change(run.images("test")[0].read()))
