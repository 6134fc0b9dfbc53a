"""`tfapp reproduce lecture-batch-normalisation` and `lecture-shortcuts`: networks, tables, sentences, resuming."""

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.errors import InputError
from tfapp.landscape.figures.step_figures import save_steps_png, steps_table
from tfapp.report import figures as png_file
from tfapp.reproduce.lecture import batch_normalisation, normalised_networks, shortcuts, twin_surfaces
from tfapp.reproduce.lecture.normalised_networks import Subject, chosen_networks
from tfapp.reproduce.lecture.twin_surfaces import TwinSurface, chosen_depths, not_convex


def tfapp(*arguments):
    return CliRunner().invoke(app, ["reproduce", *map(str, arguments)], env={"COLUMNS": "300"})


def row(updates, scale=1.0, mean_loss=1.0):
    measures = {
        "loss": 2.0,
        "gradient": 1.0,
        "loss_min": 1.0,
        "change_min": 0.1,
        "cosine": 0.5,
        "accuracy": 0.5,
    }
    scaled = {"loss_max": 1 + scale, "change_max": scale, "smoothness": scale}
    shifts = {"shift": scale, "relative_shift": scale, "mean_loss": mean_loss}
    return {"updates": updates, **measures, **scaled, **shifts}


def groups_of(without, with_it):
    return {
        "net": {
            "without, 0.1": without,
            "with, 0.1": with_it,
            "without, 0.01": without,
            "with, 0.01": with_it,
        }
    }


def test_sentence_tells_how_many_times_as_large_the_medians_are_with_batch_normalisation():
    groups = groups_of([row(0, 4), row(9, 4)], [row(0, 2), row(9, 2)])
    [first, _] = batch_normalisation.sentences(groups, set())
    assert first == (
        "net, rate 0.1: with batch normalisation the last mean loss is 1, without 1; the range of the loss is 0.5, the "
        "change of the gradient 0.5, the smoothness constant 0.5, the covariate shift as a share of the gradient 0.5 "
        "times as large (medians)."
    )


def test_a_training_that_diverged_is_told_in_sentence_table_and_picture(tmp_path):
    groups = groups_of([row(0, 1e9, np.inf)], [row(0, 2)])
    diverged = {("net", "without, 0.1"), ("net", "without, 0.01")}
    assert batch_normalisation.sentences(groups, diverged)[0].endswith(
        "diverges without batch normalisation."
    )
    first, second, *_ = steps_table(groups, diverged).rows
    assert first[2:6] == ("1, then diverged", "2", "–", "–") and second[2:6] == (1, "2", "1", "50.0")
    save_steps_png(groups, tmp_path / "steps.png")
    with Image.open(tmp_path / "steps.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 0
    with pytest.raises(InputError, match="at least one measured step"):
        save_steps_png({"net": {"a": []}}, tmp_path / "none.png")


def test_networks_are_chosen_by_name_once():
    assert chosen_networks("unet,vgg-11") == ["unet", "vgg-11"]
    with pytest.raises(InputError, match="`networks` has 'two-layer'; choose of: lenet-5"):
        chosen_networks("two-layer")
    with pytest.raises(InputError, match="each network once"):
        chosen_networks("unet,unet")


def test_batches_of_the_unet_after_some_updates_are_those_that_an_unbroken_training_has():
    batches = Subject("unet", True, "digits:80", 16, "small", 0).batches()
    third = [x for x, _ in batches(0).take(3)][-1]
    assert third.shape == (4, 64, 64, 3)
    np.testing.assert_array_equal(third, next(iter(batches(2)))[0])


def test_surface_of_a_bowl_has_no_negative_second_difference_and_a_hill_only_such():
    x, y = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 5))
    assert not_convex(x**2 + y**2 + 0.1) == 0 and not_convex(-(x**2) - y**2) == 1
    assert not_convex(x**2 - y**2) == 0.5
    hole = x**2 + y**2
    hole[2, 2] = np.inf
    assert not_convex(hole) == 0


@pytest.mark.parametrize("text", ["20,", "18", "20,20", "-20"])
def test_depths_that_there_are_no_networks_of_are_refused(text):
    with pytest.raises(InputError, match="`depths` must be different numbers of 20, 32, 44, 56, 110"):
        chosen_depths(text)


def test_sentence_tells_the_order_of_depths_and_a_diverged_twin_has_no_surface():
    losses = {("plain", 20): 1.0, ("resnet", 20): 0.9, ("plain", 56): 2.0, ("resnet", 56): None}
    found = {
        key: TwinSurface(
            {"diverged": loss is None} | ({} if loss is None else {"train_objective": loss}), None
        )
        for key, loss in losses.items()
    }
    assert twin_surfaces.sentences(found) == [
        "plain: training loss 1 with 20 layers, 2 with 56 layers; higher with the most layers than with the fewest."
    ]
    assert twin_surfaces.table_of(found).rows[-1][0] == "ResNet-56, diverged"
    assert twin_surfaces.drawn(found) == ([], [])


@pytest.mark.reproduce
def test_batch_normalisation_is_measured_and_finished_trainings_are_taken_from_the_folder(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(png_file, "_DPI", 40)
    monkeypatch.setitem(normalised_networks._OPTIONS["small"], "unet", {"base_width": 2, "depth": 1})
    line = ["lecture-batch-normalisation", "--data", "digits:200", "--out", tmp_path]
    line += ["--networks", "lenet-5,unet", "--updates", "4", "--every", "2", "--batch-size", "8"]
    result = tfapp(*line)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "lecture-batch-normalisation.md").read_text(encoding="utf-8")
    assert "| lenet-5 | without, 0.1 | 2 |" in text and "| unet | with, 0.01 | 2 |" in text
    records = sorted(tmp_path.glob("trainings/*/result.json"))
    before = [path.stat().st_mtime_ns for path in records]
    assert len(records) == 8 and tfapp(*line).exit_code == 0
    assert [path.stat().st_mtime_ns for path in records] == before
    other = tfapp(*line, "--seed", "1")
    assert other.exit_code == 2 and "other settings; choose another --out" in other.output
    assert tfapp(*line, "--seed", "1", "--overwrite").exit_code == 0


@pytest.mark.reproduce
def test_surfaces_of_twins_are_measured_without_weight_decay(tmp_path, monkeypatch):
    monkeypatch.setattr(png_file, "_DPI", 40)
    monkeypatch.setattr(shortcuts, "_SIZES", {"small": ((20,), 60, 20, 1, "0.01", 3, 20)})
    result = tfapp("lecture-shortcuts", "--data", "digits:200", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    names = {path.name for path in tmp_path.iterdir()}
    files = {f"lecture-shortcuts{end}" for end in (".png", "-contours.png", ".csv", ".md")}
    assert names == files | {"surfaces", "trainings"}
    model = keras.models.load_model(tmp_path / "trainings" / "plain-20" / "last.keras")
    assert float(sum(model.losses)) > 0
    text = (tmp_path / "lecture-shortcuts.md").read_text(encoding="utf-8")
    assert "| plain-20 |" in text and "| ResNet-20 |" in text
    surface = twin_surfaces.Grid.load(tmp_path / "surfaces" / "plain-20.npz")
    from tfapp.solvers.trainings.workload import Workload

    workload = Workload("digits:200", "plain-20", 20, 0.0, 60, holds_out=True)
    images, _ = workload.splits()
    logits = model(images.values(np.arange(20)), training=False)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(images.labels[:20], logits)
    assert surface.centre == pytest.approx(float(loss), rel=1e-4)
