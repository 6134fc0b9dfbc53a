import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tfapp.data import Noise
from tfapp.errors import InputError
from tfapp.segmentation.page.contents import gather, read_metrics
from tfapp.segmentation.page.noise_tables import noise_section
from tfapp.segmentation.page.pictures import examples_of
from tfapp.segmentation.page.sections import landscape_section
from tfapp.segmentation.page.serving import _outdated
from tfapp.segmentation.run import Run


def test_metrics_are_read_as_they_were_stored(evaluated_run):
    stored = evaluated_run.metrics()["RUnet"]
    (read,) = read_metrics(evaluated_run)
    assert (read.title, read.loss, read.images) == ("RUnet", stored["loss"], stored["images"])
    assert [row.mean_iou for row in read.rows] == [row["mean_iou"] for row in stored["rows"]]


def test_damaged_metrics_are_named(evaluated_run, copy_of):
    run = copy_of(evaluated_run, "run")
    (run.path / "metrics.json").write_text('{"RUnet": {"rows": ')
    with pytest.raises(InputError, match="metrics.json is damaged; run `tfapp evaluate"):
        read_metrics(run)


ROW = {
    **{"noise": "clean", "kind": "gaussian", "amount": 0.0, "accuracy": 0.9, "mean_iou": 0.8},
    **{"class_iou": [0.8, None], "regularisation_effect": 1.0},
}
EVALUATION = {"loss": 1, "images": 2, "noise_seed": 0, "class_names": ["a", "b"], "rows": [ROW]}


def stored(tmp_path, **changes):
    """Return what a page reads of a run with this `metrics.json`."""
    return SimpleNamespace(
        path=tmp_path,
        typed_path=str(tmp_path),
        settings={},
        trained_on=None,
        metrics=lambda: {"Unet": {**EVALUATION, **changes}},
    )


def test_class_without_a_pixel_is_nan_on_the_page(tmp_path):
    (read,) = read_metrics(stored(tmp_path))
    assert read.rows[0].class_iou[0] == 0.8 and np.isnan(read.rows[0].class_iou[1])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"loss": []}, '"Unet.loss" is .., expected a number'),
        ({"rows": [{**ROW, "accuracy": "²"}]}, '"Unet.rows.0..accuracy" is .²., expected a number'),
        ({"rows": [{**ROW, "kind": "[/]"}]}, "kind. is .*, expected one of gaussian"),
        ({"rows": [{**ROW, "later": 1}]}, "later. is 1, expected no entry of this name"),
        ({"rows": [{**ROW, "class_iou": [1]}]}, "other classes than names"),
        ({"rows": []}, "has no rows"),
        ({"class_names": 7}, "class_names. is 7, expected a list"),
    ],
)
def test_entry_of_metrics_that_none_of_ours_has_is_named(tmp_path, changes, sentence):
    with pytest.raises(InputError, match=f"metrics.json is damaged: .*{sentence}"):
        read_metrics(stored(tmp_path, **changes))


def test_folder_that_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a run folder"):
        gather([tmp_path])


def test_no_run_is_refused():
    with pytest.raises(InputError, match="at least one run"):
        gather([])


def test_same_run_twice_is_refused(plain_run):
    with pytest.raises(InputError, match="given twice"):
        gather([plain_run.path, plain_run.path / ".." / plain_run.path.name])


def test_runs_of_other_classes_are_refused(plain_run, copy_of):
    other = copy_of(plain_run, "o", lambda record: record["data"].update(class_names=["a", "b"]))
    with pytest.raises(InputError, match="other classes or channels"):
        gather([plain_run, other])


def test_runs_of_one_title_are_told_apart_by_seed(plain_run, copy_of):
    other = copy_of(plain_run, "o", lambda record: record["config"].update(seed=7))
    assert [entry.label for entry in gather([plain_run, other]).entries] == ["Unet, seed 0", "Unet, seed 7"]


def test_runs_of_one_title_and_seed_are_told_apart_by_folder(plain_run, copy_of):
    other = copy_of(plain_run, "other")
    assert [entry.label for entry in gather([plain_run, other]).entries] == ["Unet, unet", "Unet, other"]


def test_only_noises_that_all_runs_share_are_compared(evaluated_run, copy_of):
    other = copy_of(evaluated_run, "o")
    metrics = other.metrics()
    # Without the second of three rows, the third would be taken for the second by position.
    del metrics["RUnet"]["rows"][1]
    (other.path / "metrics.json").write_text(json.dumps(metrics))
    material = gather([evaluated_run, other])
    assert material.comparison.noises == ["clean", "salt 0.02"]
    assert material.comparison.cell("RUnet", 1, "mIoU").spread == 0
    assert any("gaussian 0.05" in caution for caution in material.cautions)


def test_runs_tested_on_other_images_come_with_a_caution(plain_run, copy_of):
    def swap(record):
        split = record["data"]["split"]
        split["test"][0], split["train"][0] = split["train"][0], split["test"][0]

    material = gather([plain_run, copy_of(plain_run, "o", swap)])
    assert any("different images" in caution for caution in material.cautions)


def test_pictures_are_of_images_that_no_run_was_trained_on(plain_run, copy_of):
    def swap(record):
        split = record["data"]["split"]
        split["test"][0], split["train"][0] = split["train"][0], split["test"][0]

    other = copy_of(plain_run, "o", swap)
    names = [e.name for e in examples_of(gather([plain_run, other]).entries, 9, Noise("gaussian", 0.07))]
    assert names and not set(names) & {*plain_run.split.train, *other.split.train}


def test_directions_kept_beside_a_surface_are_not_taken_for_one(evaluated_run, copy_of):
    from tfapp.landscape import make_directions

    run = copy_of(evaluated_run, "run")
    made = make_directions(run.load_model(), "filter")
    made.save(run.path / "landscape" / "surface-directions.npz")
    assert gather([run]).entries[0].surface is not None


@pytest.mark.slow
def test_unfinished_surface_is_left_out(evaluated_run, copy_of):
    from tfapp.landscape import Surface

    run = copy_of(evaluated_run, "run")
    Surface.empty(5, 0.5, {}).save(run.path / "landscape" / "surface.npz")
    assert gather([run]).entries[0].surface is None


def trained_further(run):
    """Give the model of a run other weights, as more epochs do, and return the run as a new command opens it."""
    model = run.load_model()
    model.trainable_weights[0].assign_add(np.full(model.trainable_weights[0].shape, 0.01))
    model.save(run.path / "model.keras")
    return Run.open(run.path)


def test_what_was_measured_is_of_the_run_as_it_is(evaluated_run):
    (entry,) = gather([evaluated_run.path]).entries
    assert entry.evaluations[0].weights == evaluated_run.weights
    assert (entry.outdated, entry.surface_outdated) == ((), False) and entry.surface is not None


@pytest.mark.slow
def test_what_was_measured_before_the_training_went_on_is_left_out(evaluated_run, copy_of):
    data = gather([trained_further(copy_of(evaluated_run))])
    (entry,) = data.entries
    assert (entry.evaluations, entry.outdated, data.comparison) == ((), ("RUnet",), None)
    assert entry.surface is None and entry.surface_outdated
    page = noise_section(data).body + landscape_section(data.entries).body
    assert "RUnet was evaluated before its training went on: run" in page
    assert "The loss surface of RUnet was measured before its training went on: run" in page
    assert f"tfapp landscape {entry.run.path} --overwrite" in page


def test_metrics_that_do_not_say_of_which_weights_they_are_are_shown_with_a_caution(evaluated_run, copy_of):
    run = copy_of(evaluated_run)
    metrics = run.metrics()
    del metrics["RUnet"]["weights"]
    (run.path / "metrics.json").write_text(json.dumps(metrics))
    data = gather([run])
    assert len(data.entries[0].evaluations) == 1
    assert any("did not keep of which weights" in caution for caution in data.cautions)


def test_re_that_was_counted_otherwise_is_shown_with_a_caution(evaluated_run, copy_of):
    run = copy_of(evaluated_run)
    assert not any("RE of" in caution for caution in gather([run]).cautions)
    metrics = run.metrics()
    del metrics["RUnet"]["re_definition"]
    (run.path / "metrics.json").write_text(json.dumps(metrics))
    assert any(f"RE of {run.path} was stored by an earlier version" in c for c in gather([run]).cautions)


@pytest.mark.slow
def test_metrics_of_before_are_no_facts_of_an_export(evaluated_run, copy_of, monkeypatch):
    run, kept = trained_further(copy_of(evaluated_run)), {}
    monkeypatch.setattr("tfapp.segmentation.run.export_segmenter", lambda *_, facts, **__: kept.update(facts))
    run.export(run.path / "served")
    assert kept["metrics"] == {}


def page_run(weights, name="rs", epochs=3):
    return SimpleNamespace(
        path=Path(name), config={"epochs": epochs}, is_current=lambda said: said in (None, weights)
    )


@pytest.mark.parametrize(
    ("origin", "outdated"),
    [
        ({"run": "rs", "weights": "now"}, False),
        ({"run": "rs", "weights": "then"}, True),
        # Of a run that was renamed since, or of another one: it is shown, with a remark.
        ({"run": "other", "weights": "now"}, False),
        ({"run": "other", "weights": "then"}, False),
        # Of earlier versions.
        ({"run": "rs", "config": {"epochs": 3}}, False),
        ({"run": "rs", "config": {"epochs": 1}}, True),
        ({}, False),
    ],
)
def test_export_of_before_the_training_went_on_is_known(origin, outdated):
    run = page_run("now")
    assert (_outdated(origin, [run]) is run) == outdated


def test_export_of_one_of_two_runs_of_a_name_is_of_that_one():
    runs = [page_run("one", "a/rs"), page_run("two", "b/rs")]
    assert _outdated({"run": "rs", "weights": "two"}, runs) is None
