"""`tfapp pose train`, `evaluate` and `segment` on a split of a BOP dataset."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.pose.bop_scenes import edit_record, write_bop
from tests.pose.pose_commands import check_refused, files_of, tfapp

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default::UserWarning")]
TINY = (
    "--object 1 --instances 2 --foreground all --points 24 --observed 40 --size 16 --hypotheses 2 --visibility none "
    "--epochs 2 --batch-size 2 --held-out 0.34"
).split()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    pytest.importorskip("open3d")
    return write_bop(tmp_path_factory.mktemp("bop") / "boxes").parent


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    run = tmp_path_factory.mktemp("trained") / "run"
    result = tfapp("pose", "train", dataset / "test", "--out", run, *TINY)
    assert result.exit_code == 0, result.output
    return run, result.output


def test_run_keeps_which_scenes_it_was_trained_on(dataset, trained):
    run, output = trained
    record = json.loads((run / "run.json").read_text())
    assert "2 of 8 images in" in output and record["data"]["object"] == 1
    assert (
        record["data"]["stems"][:2] == ["000001_000000", "000001_000002"]
        and len(record["data"]["stems"]) == 6
    )
    # The camera that sees what those of all images see.
    assert record["camera"]["fx"] < 150 and len(record["data"]["cameras"]) == 64


def test_truth_has_no_part_in_a_training(dataset, trained, tmp_path):
    other = shutil.copytree(dataset, tmp_path / "boxes") / "test"
    for scene in ("000001", "000002"):
        shutil.rmtree(other / scene / "mask_visib")
        edit_record(
            other / scene / "scene_gt.json",
            lambda truth: [one.update(cam_R_m2c=[]) for entries in truth.values() for one in entries],
        )
    shutil.rmtree(other.parent / "models_eval")
    assert tfapp("pose", "train", other, "--out", tmp_path / "run", *TINY).exit_code == 0
    history = [
        # The last column is the time that it took.
        np.genfromtxt(folder / "history.csv", delimiter=",", skip_header=1)[:, :-1]
        for folder in (trained[0], tmp_path / "run")
    ]
    np.testing.assert_allclose(history[0], history[1], rtol=1e-4)


def test_evaluation_is_against_the_truth_of_the_dataset(dataset, trained):
    result = tfapp("pose", "evaluate", trained[0], "--no-baselines")
    assert result.exit_code == 0, result.output
    metrics = json.loads((trained[0] / "metrics.json").read_text())
    for name, scenes in (("training", 4), ("held-out", 2)):
        part = metrics["parts"][name]
        assert part["scenes"] == scenes and 0 < part["scores"]["ours"]["f1"] <= 1
        assert 0 <= part["poses"]["rotation_median"] <= np.pi
    assert metrics["model"]["learned_to_cad"]["median"] > 0
    assert (trained[0] / "figures" / "model-beside-part.png").is_file()


def test_segmentation_is_of_the_object_of_the_training(dataset, trained, tmp_path):
    result = tfapp("pose", "segment", trained[0], dataset / "test" / "000002", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    stems = [f"000002_00000{image}" for image in range(4)]
    assert files_of(tmp_path / "out") == sorted(
        ["segment.json", *(f"labels/{s}.png" for s in stems), *(f"poses/{s}.json" for s in stems)]
    )
    with Image.open(tmp_path / "out" / "labels" / f"{stems[0]}.png") as picture:
        assert picture.size == (64, 48)


def test_changed_cameras_of_the_scenes_are_refused(dataset, trained, tmp_path):
    run, other = shutil.copytree(trained[0], tmp_path / "run"), shutil.copytree(dataset, tmp_path / "boxes")
    edit_record(run / "run.json", lambda record: record["data"].update(path=str(other / "test")))
    # Within what those of the other images see, so that the network's own camera is the same.
    edit_record(
        other / "test" / "000001" / "scene_camera.json",
        lambda cameras: cameras["2"]["cam_K"].__setitem__(0, 152.5),
    )
    check_refused(tfapp("pose", "show", run), "another camera.json than when")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--instances 2", "shows several objects; choose --object of: 1, 5"),
        ("--object 1", "does not say how many parts each scene has; give --instances N"),
        ("--object 1 --instances 9", "no image that shows 9 of object 1"),
        ("--object 1 --instances 2 --camera-type kinect", "choose --camera-type of: none"),
    ],
)
def test_what_is_not_chosen_is_asked_for(dataset, tmp_path, options, sentence):
    check_refused(
        tfapp("pose", "train", dataset / "test", "--out", tmp_path / "run", *options.split()), sentence
    )
    assert not (tmp_path / "run").exists()
