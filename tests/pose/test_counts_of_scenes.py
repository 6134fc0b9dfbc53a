"""Scenes that show no part, and a truth that counts other parts than `scenes.json`: named before any training."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.pose.own_scenes import BLOCK, HEIGHT, WIDTH, write_own_scenes
from tests.pose.posed_scenes import CONFIG
from tfapp.errors import InputError
from tfapp.pose.fitted_run import FitConfig, begin_fit
from tfapp.pose.scenes.scene_folder import SceneFolder
from tfapp.pose.training import train

RECORD = {
    "format": "tfapp scenes",
    "version": 1,
    "part": "nut",
    "bin": 0.07,
    "camera_distance": 0.47,
    "tilt": 0.0,
}
POSE = {"rotation": np.eye(3).tolist(), "translation": [0.0, 0.0, 0.5]}


@pytest.fixture
def scenes(tmp_path):
    """Return a function that writes three scenes whose truth has some instances, of as many as the record says."""

    def scenes(instances, poses=None, labels=None):
        own = write_own_scenes(tmp_path / "own", 3, masks=True)
        record = RECORD | {"instances": instances, "symmetries": [], "count": 3}
        (own / "scenes.json").write_text(json.dumps(record))
        for stem, number in zip(SceneFolder(own).stems, poses or (), strict=bool(poses)):
            (own / "truth" / "poses").mkdir(parents=True, exist_ok=True)
            content = {name: [value] * number for name, value in POSE.items()}
            (own / "truth" / "poses" / f"{stem}.json").write_text(json.dumps(content))
        for stem, numbers in zip(SceneFolder(own).stems, labels or (), strict=bool(labels)):
            (own / "truth" / "labels").mkdir(parents=True, exist_ok=True)
            picture = np.zeros((HEIGHT, WIDTH), np.uint8)
            picture[BLOCK] = np.resize(numbers, picture[BLOCK].shape)
            Image.fromarray(picture).save(own / "truth" / "labels" / f"{stem}.png")
        return own

    return scenes


def learn(own, out, learner):
    if learner == "train":
        return train(own, out, CONFIG)
    return begin_fit(own, out, FitConfig(instances="1-4"))


@pytest.mark.parametrize("learner", ["train", "fit"])
def test_black_masks_are_counted_and_named_before_anything_is_written(scenes, tmp_path, learner):
    own = scenes(2)
    for stem in ("00000", "00002"):
        Image.new("L", (WIDTH, HEIGHT)).save(own / "mask" / f"{stem}.png")
    with pytest.raises(
        InputError, match="2 of 3 masks in .*mask are black throughout.* no part; scenes: 00000, 00002. Draw"
    ):
        learn(own, tmp_path / "run", learner)
    assert not (tmp_path / "run").exists()


def test_black_mask_is_named_where_its_scene_is_read_alone(scenes):
    own = scenes(2)
    Image.new("L", (WIDTH, HEIGHT)).save(own / "mask" / "00001.png")
    with pytest.raises(InputError, match="A mask in .*mask is black throughout, .*; scenes: 00001. Draw"):
        SceneFolder(own).parts(1)
    assert SceneFolder(own, "all").parts(1).any()


@pytest.mark.parametrize("learner", ["train", "fit"])
@pytest.mark.parametrize(
    ("truth", "found"),
    [
        (
            {"poses": [2, 2, 3]},
            "says that every scene has 2 instances, but .*00002.json has the poses of 3; restore",
        ),
        ({"labels": [[1], [2], [1]]}, "2 instances, but no picture in .*labels shows more than 1; restore"),
        ({"labels": [[1], [3], [1]]}, "2 instances, but .*00001.png has the label 3; restore"),
    ],
    ids=["poses", "fewer labels", "more labels"],
)
def test_truth_of_another_number_of_parts_is_named_before_anything_is_written(
    scenes, tmp_path, truth, found, learner
):
    own = scenes(2, **truth)
    with pytest.raises(InputError, match=found):
        learn(own, tmp_path / "run", learner)
    assert not (tmp_path / "run").exists()


def test_parts_that_are_hidden_in_some_scenes_are_no_disagreement(scenes):
    folder = SceneFolder(scenes(2, [2, 2, 2], [[1], [1, 2], [2]]))
    folder.check_counts(range(3))
    assert folder.labels(0).max() == 1


def test_true_poses_of_another_number_are_refused_as_they_are_read(scenes):
    folder = SceneFolder(scenes(3, [3, 2, 3]))
    assert len(folder.poses(0)[0]) == 3
    with pytest.raises(
        InputError, match='00001.json has the poses of 2; restore what is wrong, or mend "instances"'
    ):
        folder.poses(1)
