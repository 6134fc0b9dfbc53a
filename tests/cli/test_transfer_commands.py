import hashlib
import io
import json
import shlex
import shutil

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.transfer.small_images import CLASSES, LOW, SIDE, write_folder
from tfapp.cli.main import app
from tfapp.export.requests import Request
from tfapp.export.session import ask_session
from tfapp.transfer.alternatives import with_alternatives
from tfapp.transfer.classifiers import read_classifiers
from tfapp.transfer.evaluation import gather, transferred
from tfapp.transfer.features import FeatureExtractor
from tfapp.transfer.run import TransferRun

SMALL = (
    f"--high {SIDE} --low {LOW} --hidden 8 --clusters 4 --iterations 30 --batch-size 12 --value 0.1 --solver "
    "sgd-momentum"
)


def tfapp(line):
    return CliRunner().invoke(app, shlex.split(line), env={"COLUMNS": "200"})


def done(line):
    """Run a command that must succeed and return what it printed."""
    result = tfapp(line)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def run(place):
    """A run that was trained and evaluated, and what both commands printed."""
    path = place / "run"
    printed = done(
        f"transfer train labels:{place / 'images'} --out {path} --backbone {place / 'small.keras'} {SMALL}"
    )
    printed += done(f"transfer evaluate {path} --both-readings --also features,joined")
    return path, printed


@pytest.mark.slow
def test_training_names_what_it_wrote_and_the_next_command(run):
    path, printed = run
    assert f"wrote {path / 'transfer.keras'}" in printed
    assert f"next: tfapp transfer evaluate {path}" in printed


def test_evaluation_prints_every_kind_of_features(run):
    for title in ("HR", "LR", "ours, soft clusters", "ours, own cluster", "ours, nearest centroid"):
        assert title in run[1]
    for title in ("sharp features, distilled", "LR and ours, joined", "same network, not trained"):
        assert title in run[1]


def test_metrics_hold_both_forms_for_every_class(run):
    metrics = json.loads((run[0] / "metrics.json").read_text())
    assert [one["name"] for one in metrics["features"]] == [
        "high",
        "low",
        "transferred",
        "own",
        "nearest",
        "features",
        "joined",
        "untrained",
    ]
    for one in metrics["features"]:
        assert {form: len(values) for form, values in one["average_precision"].items()} == {
            "area": 4,
            "11-point": 4,
        }
        assert one["accuracy"] is None


def test_training_that_an_image_refuses_leaves_no_run(place, tmp_path):
    images = shutil.copytree(place / "images", tmp_path / "images")
    (images / "20.png").write_bytes(b"no image")
    result = tfapp(
        f"transfer train labels:{images} --out {tmp_path / 'run'} --backbone {place / 'small.keras'} {SMALL}"
    )
    assert result.exit_code == 2 and "20.png" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_same_training_again_extracts_and_trains_nothing(run, place, monkeypatch):
    def fail(*_):
        raise AssertionError("an image was read")

    monkeypatch.setattr(FeatureExtractor, "image", fail)
    path, before = run[0], (run[0] / "transfer.keras").stat().st_mtime_ns
    done(f"transfer train labels:{place / 'images'} --out {path} --backbone {place / 'small.keras'} {SMALL}")
    assert (path / "transfer.keras").stat().st_mtime_ns == before
    assert TransferRun.open(path).record["config"]["input_scale"] == 1.0


@pytest.mark.slow
def test_same_evaluation_again_fits_nothing(run, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("a classifier was fitted")

    monkeypatch.setattr("tfapp.transfer.evaluation.fit_classifiers", fail)
    done(f"transfer evaluate {run[0]} --both-readings --also features,joined")


@pytest.mark.slow
def test_eleven_points_on_demand(run, tmp_path):
    path = shutil.copytree(run[0], tmp_path / "run")
    done(f"transfer evaluate {path} --both-readings --ap 11-point")
    assert json.loads((path / "metrics.json").read_text())["ap"] == "11-point"


@pytest.mark.slow
def test_poor_images_of_another_size_are_compared_with_their_own_classifiers_and_with_those_that_are_served(
    run, tmp_path
):
    path = shutil.copytree(run[0], tmp_path / "run")
    options = "--labels-per-class 2,all --draws 2 --networks 2 --also low=8"
    printed = done(f"transfer evaluate {path} {options}")
    for title in ("LR of 8x8", "ours of 8x8", "ours of 8x8, classifiers as served"):
        assert title in printed
    found = {
        one["name"]: one["precisions"] for one in json.loads((path / "labels.json").read_text())["features"]
    }
    assert {name: len(found[name]["all"]) for name in found if "=" in name} == {
        "low=8": 1,
        "transferred-low=8": 2,
        "served-low=8": 2,
    }
    opened = TransferRun.open(path)
    compared = with_alternatives(opened, gather(opened), ("low=8",), lambda *_: None)
    network, (fitting, testing) = opened.load_model(), compared.features["low=8"]
    for name, fitted in (("transferred-low=8", transferred(network, fitting)), ("served-low=8", None)):
        expected = compared.features["transferred"][0] if fitted is None else fitted
        np.testing.assert_array_equal(compared.features[name][0], expected)
        np.testing.assert_array_equal(compared.features[name][1], transferred(network, testing))


@pytest.mark.slow
def test_network_for_several_sizes_goes_from_training_to_the_page(place, tmp_path):
    path = tmp_path / "several"
    images, backbone = f"labels:{place / 'images'}", place / "small.keras"
    done(f"transfer train {images} --out {path} --backbone {backbone} {SMALL} --low 8,{LOW}")
    resolution = TransferRun.open(path).resolution()
    assert resolution.lows == (LOW, 8) and resolution.low_of(0) in (LOW, 8)
    done(f"transfer evaluate {path}")
    assert f"{LOW}×{LOW} or 8×8, enlarged again" in (path / "transfer.html").read_text()


@pytest.mark.parametrize("low", ["a", "8,0", "-1", "", "99999"])
def test_sides_that_are_none_are_refused_before_anything_is_read(low, tmp_path):
    result = tfapp(f"transfer train labels:nowhere --out {tmp_path / 'run'} '--low={low}'")
    assert result.exit_code == 2 and "expected a whole number from 0 to 16,384, or several" in result.output


def test_features_of_another_run_are_taken(run, place, tmp_path, monkeypatch):
    def fail(*_):
        raise AssertionError("an image was read")

    monkeypatch.setattr(FeatureExtractor, "image", fail)
    options = f"--backbone {place / 'small.keras'} {SMALL} --pseudo own --features-of {run[0]}"
    done(f"transfer train labels:{place / 'images'} --out {tmp_path / 'run'} {options}")
    assert (tmp_path / "run" / "transfer.keras").is_file()


def test_clusters_by_stability_are_told_drawn_and_on_the_page(run, tmp_path):
    path = shutil.copytree(run[0], tmp_path / "run")
    printed = done(f"transfer clusters {path} --clusters 2,3 --repeats 2")
    assert "agreement of halves" in printed and "clusters are the most stable ones" in printed
    assert (path / "figures" / "stability.png").is_file()
    assert "How many clusters there are" in (path / "transfer.html").read_text()


@pytest.mark.slow
def test_grid_has_a_mean_of_every_cell(run):
    printed = done(f"transfer grid {run[0]} --hidden 4,8 --clusters 2,3 --seeds 0,1")
    cells = json.loads((run[0] / "grid.json").read_text())["cells"]
    assert len(cells) == 8 and all(0 < cell["mean"]["area"] <= 1 for cell in cells)
    assert "N2 = 3" in printed and (run[0] / "figures" / "grid.png").is_file()


@pytest.mark.slow
def test_grid_by_workers_has_the_numbers_of_the_serial_one_and_trains_nothing_here(
    run, tmp_path, monkeypatch
):
    def fail(*_):
        raise AssertionError("a network was trained in this process")

    options, grids = "--hidden 4 --clusters 2,3 --seeds 1 --classes red,stripes", []
    for number, dask in enumerate(("", "--dask local")):
        path = shutil.copytree(run[0], tmp_path / f"run-{number}", ignore=shutil.ignore_patterns("grid*"))
        if dask:
            monkeypatch.setattr("tfapp.transfer.grid.train_network", fail)
        printed = done(f"transfer grid {path} {options} {dask}")
        assert ("cells ahead" in printed) == bool(dask)
        grids.append(json.loads((path / "grid.json").read_text()))
    assert grids[0] == grids[1] and len(grids[0]["cells"]) == 2


def test_tsne_draws_the_chosen_images(run):
    # Images with stripes show two classes, and t-SNE shows those with one.
    printed = done(f"transfer tsne {run[0]} --perplexity 2")
    assert "neighbours" in printed and (run[0] / "figures" / "tsne.png").is_file()


@pytest.mark.slow
def test_export_scores_files_as_evaluation_scored_their_images(run, place):
    path = run[0]
    done(f"export {path} {place / 'served'}")
    opened = TransferRun.open(path)
    compared, (machines, names, _) = (
        gather(opened),
        read_classifiers(path / "classifiers" / "transferred.npz"),
    )
    expected = machines.scores(transferred(opened.load_model(), compared.features["low"][1]))
    images, resolution = opened.data().test, opened.config.resolution()
    files = [png(resolution.small(images.read(index), 0, index)) for index in range(len(images))]
    request = Request("serving_bytes", {"image_bytes": np.array(files, "S")})
    answers = ask_session(place / "served" / "1", [request])
    assert answers.errors == [None] and names == CLASSES
    np.testing.assert_allclose(answers.outputs[0]["scores"], expected, atol=1e-5)


@pytest.mark.slow
def test_run_in_half_precision_is_evaluated_has_a_grid_and_is_exported(place, tmp_path):
    path, half = tmp_path / "run", f"{SMALL} --precision mixed_bfloat16"
    line = f"transfer train labels:{place / 'images'} --out {path} --backbone {place / 'small.keras'} {half}"
    done(line)
    done(f"transfer evaluate {path}")
    done(f"transfer grid {path} --hidden 4 --clusters 2")
    kept = keras.models.load_model(path / "grid-held-out-0.25" / "n1-4-n2-2-seed-0" / "transfer.keras")
    assert kept.get_layer("feature_transfer").compute_dtype == "bfloat16"
    done(f"export {path} {tmp_path / 'served'}")
    done(line.replace("--iterations 30", "--iterations 31"))


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "line, sentence",
    [
        (
            "train labels:{place}/images --out {run} {small} --backbone {place}/small.keras --hidden 9",
            "another hidden",
        ),
        (
            "train labels:{place}/images --out {run} {small} --backbone {place}/small.keras --precision "
            "mixed_bfloat16",
            "another precision",
        ),
        (
            "train labels:{place}/images --out {new} {small} --backbone {place}/small.keras --precision half",
            "Unknown --precision 'half'; choose one of: float32, mixed_bfloat16",
        ),
        (
            "train labels:{place}/images --out {new} {small} --backbone ResNet101",
            "ResNet101 needs trained weights",
        ),
        (
            "train labels:{place}/images --out {new} {small} --backbone {place}/small.keras --low 0",
            "Nothing makes",
        ),
        (
            "train labels:{place}/images --out {new} {small} --backbone {place}/small.keras --low 99",
            "low resolution",
        ),
        (
            "train labels:{place}/images --out {new} {small} --backbone {place}/small.keras --clusters 25",
            "24 training",
        ),
        ("train labels:{place}/none --out {new} {small} --backbone {place}/small.keras", "does not exist"),
        (
            "train labels:{place}/images --out {place} {small} --backbone {place}/small.keras",
            "not empty and not a run",
        ),
        ("evaluate {place}", "is not a run folder"),
        ("evaluate {run} --ap voc", "Unknown --ap 'voc'; choose one of: area, 11-point"),
        (
            "evaluate {run} --classes red,cow",
            "Unknown class 'cow'; expected some of: red, green, blue, stripes",
        ),
        ("grid {run} --clusters 2,many", "--clusters '2,many' is not understood"),
        ("grid {run} --clusters 25", "--clusters 25 is more than the 18 training images"),
        pytest.param(
            "grid {run} --clusters 2 --dask tcp://localhost:1",
            "Expected a Dask scheduler with workers at tcp://localhost:1,",
            marks=pytest.mark.slow,  # It waits for one.
        ),
        ("tsne {place}", "is not a run folder"),
        ("tsne {run} --split all", "Unknown --split 'all'; choose one of: train, test"),
        (
            "train labels:{place}/images --out {new} {small} --backbone {place}/small.keras --pseudo own "
            "--temperature 1",
            "--temperature is for --pseudo soft; got --pseudo own",
        ),
    ],
)
def test_bad_input_gets_one_sentence_and_nothing_is_written(run, place, tmp_path, line, sentence):
    result = tfapp("transfer " + line.format(place=place, run=run[0], new=tmp_path / "new", small=SMALL))
    assert result.exit_code == 2 and sentence in result.output
    assert "Traceback" not in result.output and not (tmp_path / "new").exists()


def test_options_of_segmenters_are_refused_by_the_export(run, tmp_path):
    result = tfapp(f"export {run[0]} {tmp_path} --post-tv 1")
    assert result.exit_code == 2
    assert f"--post-tv is for segmenters; {run[0]} holds a transfer network" in result.output


def test_run_that_was_not_evaluated_is_not_exported(run, tmp_path):
    path = shutil.copytree(run[0], tmp_path / "fresh")
    (path / "metrics.json").unlink()
    shutil.rmtree(path / "classifiers")
    result = tfapp(f"export {path} {tmp_path / 'served'}")
    assert result.exit_code == 2 and f"run `tfapp transfer evaluate {path}` first" in result.output


@pytest.mark.slow
def test_unreadable_image_is_named_and_left_out_on_demand(place, tmp_path):
    folder = write_folder(tmp_path / "images")
    (folder / "20.png").write_bytes(b"no image")
    line = (
        f"transfer train labels:{folder} --out {tmp_path / 'run'} --backbone {place / 'small.keras'} {SMALL}"
    )
    result = tfapp(line)
    assert result.exit_code == 2 and "20.png" in result.output and "--skip-bad" in result.output
    done(f"{line} --skip-bad")
    assert "1 could not be read" in done(f"transfer evaluate {tmp_path / 'run'}")


@pytest.mark.slow
def test_what_was_made_before_the_training_went_on_is_neither_shown_nor_served_nor_mixed(
    run, place, tmp_path
):
    path = shutil.copytree(run[0], tmp_path / "run")
    done(f"transfer grid {path} --hidden 4 --clusters 2 --seeds 0")
    done(f"transfer tsne {path} --perplexity 2")
    longer = SMALL.replace("--iterations 30", "--iterations 40")
    done(f"transfer train labels:{place / 'images'} --out {path} --backbone {place / 'small.keras'} {longer}")
    done(f"report {path} --out {tmp_path / 'page.html'}")
    page = (tmp_path / "page.html").read_text()
    for name in ("evaluate", "tsne", "grid"):
        assert f"What `tfapp transfer {name}` made is of before the training went on; run" in page
    assert "--iterations 40" in page
    served = tfapp(f"export {path} {tmp_path / 'served'}")
    assert served.exit_code == 2 and "are of before its training went on; run `tfapp tra" in served.output
    grid = tfapp(f"transfer grid {path} --hidden 4 --clusters 2 --seeds 0")
    assert (
        grid.exit_code == 2 and "holds a network of other settings, such as fewer iterations" in grid.output
    )
    done(f"transfer evaluate {path}")
    done(f"export {path} {tmp_path / 'served'}")


@pytest.mark.parametrize("change", ["told", "of before it was told"])
def test_backbone_with_another_activation_is_refused_and_its_features_are_not_mixed(
    run, place, tmp_path, change
):
    path = shutil.copytree(run[0], tmp_path / "run")
    shutil.copy(place / "small.keras", tmp_path)
    record = json.loads((path / "run.json").read_text())
    record["config"]["backbone"] = str(tmp_path / "small.keras")
    if change != "told":
        told = record["backbone"].pop("architecture")
        assert len(told) == 64
        for details in list((path / "features").rglob("features.json")):
            # The name of the folder is a hash of these.
            del (stored := json.loads(details.read_text()))["backbone"]["architecture"]
            key = hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
            details.write_text(json.dumps(stored))
            details.parent.rename(details.parent.with_name(f"{details.parent.name[:-12]}{key[:12]}"))
    (path / "run.json").write_text(json.dumps(record))
    done(f"transfer evaluate {path}")
    model = keras.models.load_model(tmp_path / "small.keras")
    model.get_layer("convolution").activation = keras.activations.tanh
    model.save(tmp_path / "small.keras")
    result = tfapp(f"transfer evaluate {path}")
    sentence = "has other layers, or settings of them," if change == "told" else "gives other features of"
    assert result.exit_code == 2 and sentence in " ".join(result.output.split())


@pytest.mark.slow
def test_few_labels_are_told_with_intervals_and_kept(run, tmp_path):
    path = shutil.copytree(run[0], tmp_path / "run")
    line = f"transfer evaluate {path} --labels-per-class 1,2,all --draws 3 --networks 2 --also joined,side=16"
    printed = done(line)
    assert "1 label" in printed and "points of mean AP above LR, with 95 % intervals" in printed
    content = json.loads((path / "labels.json").read_text())
    shapes = {one["name"]: np.shape(one["precisions"]["2"]) for one in content["features"]}
    assert shapes == {
        **{"high": (1, 3), "low": (1, 3), "side=16": (1, 3)},
        **{"transferred": (2, 3), "joined": (2, 3), "untrained": (2, 3)},
    }
    assert (path / "figures" / "labels.png").is_file()
    assert content["class_names"] == list(CLASSES) and "for 4 classes (red, green, blue, stripes)" in printed
    assert "Where labels are few" in (path / "transfer.html").read_text()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--also own,cow", "Unknown --also 'cow'; expected some of: own, nearest, soft, features"),
        ("--also side=9", "with N from 16 to 1024 pixels"),
        ("--labels-per-class 1,few", "--labels-per-class '1,few' is not understood at 'few'"),
        ("--also batch-norm", "has no batch normalisation whose statistics could be estimated"),
        ("--also own,side=24", "Or leave side=24 out of --also."),
        ("--draws 3", "--draws is for --labels-per-class; give both, or neither"),
    ],
)
def test_comparison_that_is_not_possible_gets_one_sentence(run, options, sentence):
    result = tfapp(f"transfer evaluate {run[0]} {options}")
    assert result.exit_code == 2 and sentence in " ".join(result.output.split())


@pytest.mark.slow
def test_network_of_sharp_features_is_evaluated_and_has_no_grid(place, tmp_path):
    path = tmp_path / "run"
    options = f"--backbone {place / 'small.keras'} {SMALL} --pseudo features"
    done(f"transfer train labels:{place / 'images'} --out {path} {options}")
    assert "sharp features, distilled" in done(f"transfer evaluate {path}")
    result = tfapp(f"transfer grid {path}")
    assert result.exit_code == 2 and "is for `pseudo` own, nearest or soft" in " ".join(result.output.split())
