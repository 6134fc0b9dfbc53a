"""Poses of all scenes as CSV, JSON and BOP's results, read by readers that know nothing of tfapp."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.pose.pose_commands import check_refused, files_of, tfapp
from tfapp.errors import InputError
from tfapp.pose.pose_tables import check_bop, forms_named, write_pose_tables

STEMS = ("000002_000007", "000002_000011")
ROTATIONS = Rotation.random(3, rng=np.random.default_rng(5)).as_matrix()
TRANSLATIONS = np.array([[0.01, -0.02, 0.5], [0.03, 0.04, 0.625], [-0.1, 0.2, 0.7]])
CONFIDENCE = np.array([0.875, 0.25, 0.5])


def folder_of(stems=STEMS, object_id=5):
    return SimpleNamespace(stems=stems, object_id=object_id, path="scenes")


def write_poses(out, stems=STEMS, *, reflected=False, confidence=True):
    """Write what `pose segment` writes of two scenes, the first with two instances."""
    (out / "poses").mkdir(parents=True)
    for stem, some in zip(stems, (slice(0, 2), slice(2, 3)), strict=True):
        content = {
            "rotation": ROTATIONS[some].tolist(),
            "translation": TRANSLATIONS[some].tolist(),
            "reflected": [reflected] * len(ROTATIONS[some]),
            "chamfer_distance": 0.001,
        }
        if confidence:
            content |= {"confidence": CONFIDENCE[some].tolist(), "residual": (CONFIDENCE[some] / 8).tolist()}
        (out / "poses" / f"{stem}.json").write_text(json.dumps(content))
    return out


def bop_results(path):
    """Read results as the rules of the challenge say: seven elements between commas, R and t between blanks."""
    first, *lines = path.read_text().splitlines()
    assert first == "scene_id,im_id,obj_id,score,R,t,time"
    found = []
    for line in lines:
        scene, image, number, score, rotation, translation, time = line.split(",")
        matrix = np.array([float(one) for one in rotation.split()]).reshape(3, 3)
        place = np.array([float(one) for one in translation.split()])
        found.append((int(scene), int(image), int(number), float(score), matrix, place, float(time)))
    return found


def test_bop_results_read_again_are_the_poses_in_millimetres(tmp_path):
    [path] = write_pose_tables(["bop"], write_poses(tmp_path), folder_of(), "")
    scenes, images, objects, scores, rotation, translation, times = zip(*bop_results(path), strict=True)
    assert (scenes, images, objects) == ((2, 2, 2), (7, 7, 11), (5, 5, 5))
    np.testing.assert_array_equal(rotation, ROTATIONS)
    np.testing.assert_allclose(translation, 1000 * TRANSLATIONS, rtol=1e-15)
    np.testing.assert_array_equal(scores, CONFIDENCE)
    assert times == (-1, -1, -1)


def test_quaternions_of_the_table_are_scipys_and_lengths_are_metres(tmp_path):
    [path] = write_pose_tables(["csv"], write_poses(tmp_path), folder_of(), "")
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    quaternions = np.array([[float(row[name]) for name in "wxyz"] for row in rows])
    turned = Rotation.from_quat(quaternions, scalar_first=True).as_matrix()
    np.testing.assert_allclose(turned, ROTATIONS, atol=1e-12)
    places = [[float(row[name]) for name in ("tx", "ty", "tz")] for row in rows]
    np.testing.assert_array_equal(places, TRANSLATIONS)
    assert [(row["scene"], row["instance"]) for row in rows] == [
        (STEMS[0], "1"),
        (STEMS[0], "2"),
        (STEMS[1], "1"),
    ]
    assert [float(row["confidence"]) for row in rows] == CONFIDENCE.tolist()
    assert {row["margin"] for row in rows} == {""}


def test_json_has_the_same_and_says_its_frame(tmp_path):
    [path] = write_pose_tables(["json"], write_poses(tmp_path), folder_of(), "from the frame of part.stl")
    content = json.loads(path.read_text())
    assert content["frame"] == "from the frame of part.stl" and content["unit"] == "m"
    np.testing.assert_array_equal([pose["rotation"] for pose in content["poses"]], ROTATIONS)
    np.testing.assert_array_equal([pose["residual"] for pose in content["poses"]], CONFIDENCE / 8)


def test_poses_without_confidence_have_the_score_one(tmp_path):
    paths = write_pose_tables(["bop", "csv"], write_poses(tmp_path, confidence=False), folder_of(), "")
    assert {one[3] for one in bop_results(paths[0])} == {1.0}
    assert paths[1].read_text().splitlines()[1].endswith(",0,,,,")


def test_scenes_of_ones_own_are_images_of_scene_0(tmp_path):
    stems = ("00000", "00017")
    [path] = write_pose_tables(["bop"], write_poses(tmp_path, stems), folder_of(stems, None), "")
    assert [one[:3] for one in bop_results(path)] == [(0, 0, 1), (0, 0, 1), (0, 17, 1)]


def test_names_without_numbers_are_refused_for_bop():
    with pytest.raises(InputError, match="name scenes and images by numbers, and scenes has front; rename"):
        check_bop(folder_of(("front",)))


def test_a_mirrored_pose_is_refused_for_bop_and_nothing_is_written(tmp_path):
    out = write_poses(tmp_path, reflected=True)
    before = files_of(out)
    with pytest.raises(InputError, match="has a mirrored pose"):
        write_pose_tables(["csv", "json", "bop"], out, folder_of(), "")
    assert files_of(out) == before
    assert ",1," in write_pose_tables(["csv"], out, folder_of(), "")[0].read_text()


def test_damaged_poses_are_named(tmp_path):
    out = write_poses(tmp_path)
    (out / "poses" / f"{STEMS[1]}.json").write_text(
        '{"rotation": [], "translation": [[0, 0, 1]], "reflected": []}'
    )
    with pytest.raises(InputError, match="000002_000011.json has lists of several lengths"):
        write_pose_tables(["csv"], out, folder_of(), "")


def test_forms_are_named_with_commas():
    assert forms_named("bop, csv,bop") == ["bop", "csv"]
    with pytest.raises(InputError, match="must be one or more of csv, json, bop, with commas; got 'xml'"):
        forms_named("csv,xml")


def test_segment_writes_the_tables_and_leaves_the_rest_as_it_was(bolt_run, bolt_scenes, tmp_path):
    command = ("pose", "segment", bolt_run, bolt_scenes, "--out", tmp_path / "out")
    assert tfapp(*command).exit_code == 0
    before = {name: (tmp_path / "out" / name).read_bytes() for name in files_of(tmp_path / "out")}
    result = tfapp(*command, "--poses", "csv,json,bop")
    assert result.exit_code == 0, result.output
    assert {name: (tmp_path / "out" / name).read_bytes() for name in before} == before
    added = set(files_of(tmp_path / "out")) - set(before)
    assert added == {"poses.csv", "poses.json", "bop.csv"}
    assert len(bop_results(tmp_path / "out" / "bop.csv")) == 12
    assert str(bolt_run) in json.loads((tmp_path / "out" / "poses.json").read_text())["frame"]


def test_an_unknown_form_is_refused_before_anything_is_read(tmp_path):
    result = tfapp(
        "pose", "segment", tmp_path / "run", tmp_path, "--out", tmp_path / "out", "--poses", "yaml"
    )
    check_refused(result, "--poses must be one or more of csv, json, bop, with commas; got 'yaml'")
