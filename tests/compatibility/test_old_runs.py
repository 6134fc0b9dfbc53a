"""Folders that version 0.1 wrote are opened, resumed, evaluated, drawn, reported and exported as before.

What each folder is and how it was made is in version_0_1/README.md.
"""

import json
import shutil

import keras
import numpy as np
import pytest

from tfapp.landscape.fingerprint import hash_loss
from tfapp.models.probabilities import OneHotMeanSquaredError
from tfapp.pose.model.pose_model import PoseModel
from tfapp.pose.run import PoseRun
from tfapp.segmentation.run import Run
from tfapp.transfer.classifiers import read_classifiers
from tfapp.transfer.evaluation import gather
from tfapp.transfer.run import TransferRun

TOLERANCE = 1e-5


@pytest.fixture
def expected(place):
    """Random inputs and what the models of version 0.1 answered to them."""
    with np.load(place / "expected.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def assert_same(now, then, where=""):
    """Check that two JSON values are equal, numbers up to the tolerance."""
    if isinstance(then, dict):
        # Since then measures also say of which weights they are, on which files, and how RE is counted, and have the
        # mean accuracy of the classes.
        added = ("weights", "tested", "re_definition", "mean_accuracy")
        assert [name for name in now if name not in added] == list(then), where
        for key in then:
            if key == "regularisation_effect":
                # A pixel that differs both ways counted 1 then, and counts the square root of 2 now.
                assert then[key] <= now[key] <= 2**0.5 * then[key], where
                continue
            assert_same(now[key], then[key], f"{where}/{key}")
    elif isinstance(then, list):
        assert len(now) == len(then), where
        for index, pair in enumerate(zip(now, then, strict=True)):
            assert_same(*pair, f"{where}/{index}")
    elif isinstance(then, float):
        assert now == pytest.approx(then, rel=TOLERANCE, abs=TOLERANCE, nan_ok=True), where
    else:
        assert now == then, where


def command_of(run):
    return json.loads((run / "run.json").read_text())["command"]


def state_of(folder):
    """Return the time of the last change of every file below a folder."""
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("name", "open_model"),
    [
        ("tv", lambda path: Run.open(path).load_model()),
        ("pairs", lambda path: Run.open(path).load_model()),
        ("transfer", lambda path: TransferRun.open(path).load_model()),
    ],
)
def test_model_answers_as_before(place, expected, name, open_model):
    answer = open_model(place / "runs" / name).predict(expected[f"{name}/input"], verbose=0)
    np.testing.assert_allclose(answer, expected[f"{name}/output"], rtol=TOLERANCE, atol=TOLERANCE)


def test_pose_model_answers_as_before(place, expected, narrow_pose_network):
    run = PoseRun.open(place / "runs" / "pose")
    depth, _ = run.sample("training", 2, 0)
    np.testing.assert_array_equal(depth, expected["pose/input"])
    answer = run.load_model().predict(depth, verbose=0)
    assert {f"pose/output/{name}" for name in answer} == {key for key in expected if "pose/output" in key}
    for name, values in answer.items():
        np.testing.assert_allclose(
            values, expected[f"pose/output/{name}"], rtol=TOLERANCE, atol=TOLERANCE, err_msg=name
        )


def test_pose_network_of_the_usual_width_has_the_same_weights(place, narrow_pose_network, monkeypatch):
    settings = PoseRun.open(place / "runs" / "pose").load_model().get_config()
    monkeypatch.undo()
    weights = [[weight.path, list(weight.shape)] for weight in PoseModel.from_config(settings).weights]
    assert weights == json.loads((place / "pose-weights.json").read_text())


@pytest.mark.parametrize("line", ["evaluate runs/tv --noise gaussian=0,0.05", "evaluate runs/pairs"])
def test_evaluation_has_the_same_metrics(place, done, line):
    file = place / line.split()[1] / "metrics.json"
    then = json.loads(file.read_text())
    file.unlink()
    done(line)
    assert_same(json.loads(file.read_text()), then)


@pytest.mark.slow
def test_evaluation_of_poses_has_the_same_metrics(place, done, narrow_pose_network):
    file = place / "runs" / "pose" / "metrics.json"
    then = json.loads(file.read_text())
    file.unlink()
    done("pose evaluate runs/pose")
    now = json.loads(file.read_text())
    for part in then["parts"]:
        # They are of all pixels since, and were of drawn ones.
        scores = now["parts"][part]["scores"]
        for method, old in then["parts"][part].pop("scores").items():
            assert list(scores[method]) == list(old)
    assert_same(entries_of(now, then), then)


def entries_of(now, then):
    """Return the entries of a JSON value that an earlier one has."""
    return {key: entries_of(now[key], then[key]) for key in then} if isinstance(then, dict) else now


@pytest.mark.slow
def test_evaluation_of_transfer_with_its_classifiers_has_the_same_metrics(place, done):
    run = place / "runs" / "transfer"
    then = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").unlink()
    before = state_of(run / "classifiers")
    done("transfer evaluate runs/transfer")
    now, after = json.loads((run / "metrics.json").read_text()), state_of(run / "classifiers")
    # Features that networks compute are other ones in their last digits on another processor than that of the run, and
    # what is fitted to them is fitted anew; those of the images are in its files.
    anew = {file.stem for file in before if before[file] != after[file]}
    assert not anew & {"high", "low"}
    for metrics in (now, then):
        metrics["features"] = [one for one in metrics["features"] if one["name"] not in anew]
    assert_same(now, then)


@pytest.mark.slow
def test_evaluation_of_transfer_anew_keeps_the_features_and_fits_no_worse(place, done):
    run = place / "runs" / "transfer"
    before, features = {name: objective(run, name) for name in ("high", "low")}, state_of(run / "features")
    shutil.rmtree(run / "classifiers")
    done("transfer evaluate runs/transfer")
    for name, minimum in before.items():
        # Version 0.1 stopped further from the minimum, so that its metrics depended on the machine.
        assert np.all(objective(run, name) <= minimum * (1 + TOLERANCE)), name
    assert state_of(run / "features") == features


def objective(run, name):
    """Return what the machines of some features minimise, float64 (classes,), at the ones that a run keeps."""
    transfer = TransferRun.open(run)
    compared = gather(transfer)
    machines, _, _ = read_classifiers(run / "classifiers" / f"{name}.npz")
    signs = compared.targets[0]
    short = np.maximum(0, 1 - signs * machines.scores(compared.features[name][0])) ** 2
    # The bias is regularised by liblinear like the weights (Fan et al., JMLR 9, 2008, section 2).
    return (np.sum(machines.weights**2, 0) + machines.biases**2) / 2 + machines.cost * short.sum(0)


@pytest.mark.slow
def test_evaluation_of_transfer_that_is_there_fits_nothing(place, done):
    classifiers = place / "runs" / "transfer" / "classifiers"
    done("transfer evaluate runs/transfer")
    before = state_of(classifiers)
    done("transfer evaluate runs/transfer")
    assert state_of(classifiers) == before


@pytest.mark.parametrize("name", ["tv", "pairs", "transfer"])
def test_command_of_a_finished_run_trains_nothing(place, done, name):
    models = {file: when for file, when in state_of(place / "runs" / name).items() if file.suffix == ".keras"}
    done(command_of(place / "runs" / name))
    assert {file: file.stat().st_mtime_ns for file in models} == models


def history_of(run):
    """Return the header and the rows of numbers of `history.csv`."""
    header, *rows = (run / "history.csv").read_text().splitlines()
    return [header, *([float(value) for value in row.split(",")] for row in rows)]


def check_resumed(run, before):
    """Check that the history has one more row now, behind the rows that it had."""
    history = history_of(run)
    assert history[:-1] == before and np.isfinite(history[-1]).all()


@pytest.mark.slow
def test_interrupted_segmenter_resumes(place, done):
    run = place / "runs" / "softmax"
    history = history_of(run)
    done(command_of(run))
    check_resumed(run, history)
    assert (run / "model.keras").is_file()


@pytest.mark.slow
def test_interrupted_pose_training_resumes(place, done, narrow_pose_network):
    run = place / "runs" / "pose-begun"
    history = history_of(run)
    done(command_of(run))
    check_resumed(run, history)
    assert (run / "model.keras").is_file()


@pytest.mark.slow
def test_transfer_training_is_extended(place, done):
    run = place / "runs" / "transfer"
    history = history_of(run)
    done(command_of(run).replace("--iterations 10", "--iterations 20"))
    check_resumed(run, history)


@pytest.mark.slow
def test_interrupted_comparison_of_solvers_resumes(place, done):
    finished, begun = sorted((place / "runs" / "solvers" / "trainings").iterdir())
    result = json.loads((finished / "result.json").read_text())
    before, history = state_of(finished), history_of(begun)
    assert not (begun / "result.json").exists()
    printed = done(
        "solvers compare digits:40 --out runs/solvers --seeds 0,1 --model two-layer --size 4 --train-images 20 "
        "--batch-size 10 --solvers sgd=0.1 --grid-epochs 0 --epochs 2"
    )
    assert "SGD" in printed and state_of(finished) == before
    check_resumed(begun, history)
    assert list(json.loads((begun / "result.json").read_text())) == list(result)


# All else in a surface of before counts as it is.
TOLD = pytest.mark.filterwarnings("default:The standard errors in:UserWarning")


def surface(file):
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


@TOLD
def test_finished_surface_is_drawn_and_not_measured_anew(place, done):
    file = place / "runs" / "tv" / "landscape" / "surface-n5-r1-s0.npz"
    before = file.read_bytes()
    printed = done("landscape runs/tv --n 5 --samples 2")
    assert "standard errors" in printed
    assert "25 of 25" in printed and file.with_suffix(".png").is_file()
    assert file.read_bytes() == before


@TOLD
@pytest.mark.slow
def test_unfinished_surface_is_gone_on_with(place, done):
    file = place / "runs" / "tv" / "landscape" / "surface-n7-r1-s0.npz"
    before = surface(file)
    measured = before["measured"]
    assert 1 < measured.sum() < measured.size
    done("landscape runs/tv --n 7 --samples 2")
    after = surface(file)
    assert json.loads(str(after["metadata"]))["key"] == json.loads(str(before["metadata"]))["key"]
    np.testing.assert_array_equal(after["loss"][measured], before["loss"][measured])
    assert np.isfinite(after["loss"]).all()


def test_loss_of_regressed_labels_has_the_same_hash():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(loss=OneHotMeanSquaredError())
    # Of version 0.1, which had the class in another module; surfaces of its runs with --loss mse hold it.
    assert hash_loss(model) == "708c000673b081f301443ac0af005b2ac7bb4cdc905d7fabd73ab02580fb3584"


def test_sharpness_is_not_measured_anew(place, done):
    file = place / "runs" / "tv" / "landscape" / "sharpness.json"
    before = file.read_bytes()
    done("sharpness runs/tv --repeats 1 --eps 1e-3 --samples 2")
    assert file.read_bytes() == before


@pytest.mark.slow
def test_surface_of_poses_is_drawn_and_not_measured_anew(place, done, narrow_pose_network):
    file = place / "runs" / "pose" / "landscape" / "surface-n3-r1-s0.npz"
    before = file.read_bytes()
    done("landscape runs/pose --n 3 --samples 1")
    assert file.read_bytes() == before and file.with_suffix(".png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tv", "transfer"])
def test_page_is_written(place, done, name):
    done(f"report runs/{name} --out report.html")
    assert "</html>" in (place / "report.html").read_text()


@pytest.mark.slow
def test_page_of_poses_is_written(place, done, narrow_pose_network):
    done("pose show runs/pose")
    assert "</html>" in (place / "runs" / "pose" / "pose.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tv", "transfer", "pose"])
def test_run_is_exported(place, done, name, request):
    if name == "pose":
        request.getfixturevalue("narrow_pose_network")
    done(f"export runs/{name} new")
    assert (place / "new" / "1" / "saved_model.pb").is_file()


@pytest.mark.slow
def test_exported_folder_is_verified_and_shown(done):
    done("export verify served/1")
    assert "serving_default" in done("export show served")
