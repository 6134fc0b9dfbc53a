"""Splits of BOP datasets as folders of scenes: cameras, images that count, truth, and what is refused."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.pose.bop_scenes import (
    BOXES,
    annotations,
    edit_record,
    intrinsics,
    mesh_of_box,
    render,
    write_bop,
)
from tests.pose.own_scenes import write_own_scenes
from tfapp.errors import InputError
from tfapp.pose import SceneFolder
from tfapp.pose.evaluation.symmetries import Symmetries
from tfapp.pose.scenes.bop_objects import BopObject


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_bop(tmp_path_factory.mktemp("bop") / "boxes").parent


@pytest.fixture
def split(dataset, tmp_path):
    return shutil.copytree(dataset, tmp_path / "boxes") / "test"


def folder_of(path, object_id=1, **options):
    """Return the folder without the warning of images that are left out."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return SceneFolder(path, object_id=object_id, **options)


def test_scenes_are_the_images_of_all_scene_folders(dataset):
    folder = folder_of(dataset / "test", 5)
    assert folder.stems == tuple(f"00000{scene}_00000{image}" for scene in (1, 2) for image in range(4))
    assert folder.foreground == "plane" and folder.record is folder.instances is None


def test_one_scene_folder_is_read_by_the_same_names(dataset):
    folder, whole = folder_of(dataset / "test" / "000002", 5), folder_of(dataset / "test", 5)
    assert folder.stems == whole.stems[4:]
    np.testing.assert_array_equal(folder.depth(2), whole.depth(6))
    np.testing.assert_array_equal(folder.object_mesh()[0], whole.object_mesh()[0])


def test_linked_scenes_are_called_by_their_links(dataset, tmp_path):
    """Links to folders of one name are two scenes, and the names are those of the split, which results refer to."""
    for link in ("000003", "000004"):
        (tmp_path / "test").mkdir(exist_ok=True)
        (tmp_path / "test" / link).symlink_to(dataset / "test" / "000002")
    folder = folder_of(tmp_path / "test", 5)
    assert folder.stems == tuple(f"00000{scene}_00000{image}" for scene in (3, 4) for image in range(4))


def test_points_are_those_that_the_matrix_of_each_image_says(dataset):
    folder = folder_of(dataset / "test", 5)
    for index in range(4):
        matrix, depth = intrinsics(index), render(intrinsics(index), annotations(1, index))[0]
        rows, columns = np.mgrid[:48, :64]
        expected = (
            np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(matrix).T * depth[..., None]
        )
        points, _ = folder.camera_of(index).back_project(folder.depth(index))
        np.testing.assert_allclose(1000 * points, expected.reshape(-1, 3), atol=0.06)


def test_images_are_those_that_show_as_many_instances_as_asked_for(dataset):
    with pytest.warns(
        UserWarning, match="2 of 8 images in .* do not show 2 of object 1, each with 10% or more"
    ):
        folder = SceneFolder(dataset / "test", object_id=1, shown=2)
    assert [stem[-1] for stem in folder.stems] == ["0", "2", "3"] * 2
    assert len(folder_of(dataset / "test", 1, shown=1)) == 2 and len(folder_of(dataset / "test", 1)) == 8


def test_instances_of_which_too_little_is_seen_do_not_count(split):
    edit_record(split / "000001" / "scene_gt_info.json", lambda info: info["0"][0].update(visib_fract=0.09))
    assert folder_of(split, 1, shown=2).stems[0] == "000001_000002"
    folder = folder_of(split, 1, shown=1)
    assert folder.stems[0] == "000001_000000"
    np.testing.assert_allclose(1000 * folder.poses(0)[1], [annotations(1, 0)[2][2]])
    # Their pixels are told by numbers beyond that of the poses.
    seen = render(intrinsics(0), annotations(1, 0))[1]
    np.testing.assert_array_equal(folder.labels(0), np.select([seen == 2, seen == 0], [1, 2]))


def test_truth_is_that_of_the_object_in_metres(dataset):
    folder = folder_of(dataset / "test", 1, shown=2)
    assert folder.has_truth and folder.has_labels and folder.has_object_mesh
    for index, image in enumerate((0, 2, 3)):
        shown = annotations(1, image)
        rotation, translation = folder.poses(index)
        np.testing.assert_allclose(rotation, [shown[0][1], shown[2][1]], atol=1e-12)
        np.testing.assert_allclose(1000 * translation, [shown[0][2], shown[2][2]])
        seen = render(intrinsics(image), shown)[1]
        np.testing.assert_array_equal(folder.labels(index), np.select([seen == 0, seen == 2], [1, 2]))


def test_true_poses_lay_the_mesh_onto_the_measured_points(dataset):
    folder = folder_of(dataset / "test", 5)
    vertices, _ = folder.object_mesh()
    np.testing.assert_allclose(np.ptp(vertices, axis=0), np.array(BOXES[5]) / 1000)
    for index in range(len(folder)):
        points, pixels = folder.camera_of(index).back_project(folder.depth(index))
        own = points[folder.labels(index)[tuple(pixels.T)] == 1]
        [rotation], [translation] = folder.poses(index)
        local = np.abs((own - translation) @ rotation) - np.array(BOXES[5]) / 2000
        # On the surface of the box, but for the steps of 0.1 mm.
        assert len(own) > 50 and np.abs(local.max(-1)).max() < 2e-4


def test_mask_is_the_union_of_the_masks_of_the_object_where_it_is_asked_for(dataset):
    folder = folder_of(dataset / "test", 1, foreground="mask", shown=2)
    np.testing.assert_array_equal(folder.mask(1), folder.labels(1) > 0)


def test_plane_leaves_the_boxes(dataset):
    pytest.importorskip("open3d")
    folder = folder_of(dataset / "test", 1)
    seen = render(intrinsics(0), annotations(1, 0))[1]
    assert (folder.mask(0) == (seen >= 0)).mean() > 0.99


def test_symmetries_are_those_of_the_models(dataset):
    pytest.importorskip("open3d")
    box = Symmetries.of(folder_of(dataset / "test", 1).symmetries)
    assert len(box.matrices) == 4 and box.axis is None
    turned = np.diag([1.0, -1, -1])[None]
    np.testing.assert_allclose(box.rotation_error(turned, np.eye(3)[None]), 0, atol=1e-6)
    round_one = Symmetries.of(folder_of(dataset / "test", 5).symmetries)
    np.testing.assert_allclose(round_one.axis, [0, 0, 1])


@pytest.mark.parametrize("shown", ["000001", ""])
def test_the_only_object_needs_no_number(split, shown):
    for scene in ("000001", "000002"):
        edit_record(
            split / scene / "scene_gt.json",
            lambda truth: [one.update(obj_id=5) for entries in truth.values() for one in entries],
        )
    assert SceneFolder(split / shown).object_id == 5


def test_split_without_truth_takes_all_images_and_says_so(split):
    for scene in ("000001", "000002"):
        for name in ("scene_gt.json", "scene_gt_info.json"):
            (split / scene / name).unlink()
    folder = SceneFolder(split)
    assert len(folder) == 8 and folder.object_id is None
    assert not (folder.has_truth or folder.has_labels or folder.has_object_mesh)
    with pytest.raises(InputError, match="no folder mask_visib/; choose the foreground plane or all"):
        SceneFolder(split, "mask")
    with pytest.warns(UserWarning, match="no scene_gt.json, .* all of them are taken for images of object 5"):
        folder = SceneFolder(split, object_id=5)
    assert folder.has_object_mesh and not folder.has_truth
    with pytest.raises(InputError, match="no true poses"):
        folder.poses(0)


def test_split_without_masks_has_poses_and_no_labels(split):
    for scene in ("000001", "000002"):
        shutil.rmtree(split / scene / "mask_visib")
    folder = folder_of(split, 5)
    assert folder.has_truth and not folder.has_labels and len(folder.poses(0)[0]) == 1


def test_files_of_a_sensor_are_chosen_by_its_name(tmp_path):
    split = write_bop(tmp_path / "two", 1, camera_type="photoneo")
    assert len(folder_of(split, 5)) == len(folder_of(split, 5, camera_type="photoneo")) == 4
    shutil.copy(split / "000001" / "scene_camera_photoneo.json", split / "000001" / "scene_camera_xyz.json")
    with pytest.raises(InputError, match="several sensors; choose `camera_type` of: photoneo, xyz"):
        SceneFolder(split, object_id=5)
    with pytest.raises(
        InputError, match="no scene_camera_kinect.json; choose `camera_type` of: photoneo, xyz"
    ):
        SceneFolder(split, object_id=5, camera_type="kinect")
    assert folder_of(split, 5, camera_type="photoneo").has_labels


def first(split, name):
    return split / "000001" / f"{name}.json"


def _drop(name, key):
    return lambda split: edit_record(first(split, name), lambda content: content.pop(key))


def _pose(**entries):
    return lambda split: edit_record(
        first(split, "scene_gt"), lambda content: content["0"][1].update(entries)
    )


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_drop("scene_camera", "2"), "scene_camera.json has no entry of the image 2; expected"),
        (
            lambda split: first(split, "scene_camera").unlink(),
            "cut short: 000001 has no scene_camera.json, as others have",
        ),
        (
            lambda split: first(split, "scene_gt").unlink(),
            "cut short: .*000001 has no scene_gt.json, as others",
        ),
        (
            lambda split: edit_record(first(split, "scene_gt_info"), lambda content: content["0"].pop()),
            "has 3 annotations of the image 000000 in scene_gt.json but 2 in",
        ),
        (_pose(obj_id="5"), "\"0.1..obj_id\" is '5', expected a whole number"),
        (lambda split: first(split, "scene_gt").write_text("{"), "scene_gt.json is damaged"),
        (
            lambda split: (split / "000001" / "mask").mkdir() or _mask_by_image(split),
            "write the width, height",
        ),
    ],
)
def test_split_that_does_not_fit_together_is_refused(split, change, found):
    change(split)
    with pytest.raises(InputError, match=found):
        folder_of(split, 5)


def _mask_by_image(split):
    Image.new("L", (64, 48)).save(split / "000001" / "mask" / "000000.png")


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ({"cam_R_m2c": [1, 0, 0, 0, 1, 0, 0, 0, -1]}, 'image 000000, has "cam_R_m2c" that is no rotation'),
        ({"cam_R_m2c": [2, 0, 0, 0, 1, 0, 0, 0, 1]}, 'image 000000, has "cam_R_m2c" that is no rotation'),
        ({"cam_R_m2c": [1, 0, 0]}, 'image 000000, is damaged: "cam_R_m2c" is .*, expected a list of 9'),
        ({"cam_t_m2c": [0, 0, float("nan")]}, '"cam_t_m2c.2." is nan'),
    ],
)
def test_true_pose_that_cannot_be_is_refused_when_it_is_read(split, entries, found):
    _pose(**entries)(split)
    folder = folder_of(split, 5)
    with pytest.raises(InputError, match=found):
        folder.poses(0)


def test_whole_dataset_is_refused_with_its_splits(dataset):
    with pytest.raises(InputError, match="a whole BOP dataset; expected one of its splits: test, or a scene"):
        SceneFolder(dataset)


def test_several_objects_must_be_chosen_from(dataset):
    with pytest.raises(InputError, match="shows several objects; choose `object_id` of: 1, 5"):
        SceneFolder(dataset / "test")
    with pytest.raises(InputError, match="has no object 3; choose `object_id` of: 1, 5"):
        SceneFolder(dataset / "test", object_id=3)
    with pytest.raises(InputError, match="no image that shows 7 of object 1"):
        SceneFolder(dataset / "test", object_id=1, shown=7)


def test_options_of_datasets_are_refused_for_other_folders(tmp_path):
    own = write_own_scenes(tmp_path / "own")
    for option in ({"object_id": 1}, {"camera_type": "kinect"}):
        with pytest.raises(InputError, match=f"`{next(iter(option))}` is for BOP datasets"):
            SceneFolder(own, **option)


def test_images_of_several_sizes_are_refused(split):
    Image.new("I;16", (32, 48), 6000).save(split / "000002" / "depth" / "000003.png")
    with pytest.raises(InputError, match="000003.png has 32x48 pixels .* has 64x48; expected one size"):
        folder_of(split, 5).depth(7)


@pytest.fixture
def models(dataset, tmp_path):
    pytest.importorskip("open3d")
    return shutil.copytree(dataset / "models_eval", tmp_path / "models_cad")


def test_object_is_found_in_any_folder_of_models(models):
    vertices, triangles = BopObject.find(models.parent, 5).mesh
    np.testing.assert_allclose(1000 * vertices, mesh_of_box(BOXES[5])[0])
    assert len(triangles) == 12 and BopObject.find(models.parent, 2) is None
    (models / "models_info.json").rename(models.parent / "info.json")
    assert BopObject.find(models.parent, 5).symmetries is None


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"symmetries_discrete": [list(range(16))]}, "symmetry .number 0. that is no rotation"),
        ({"symmetries_discrete": [[1, 0]]}, '"symmetries_discrete.0." is .*, expected a list of 16'),
        (
            {"symmetries_discrete": [[-1, 0, 0, 9, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]]},
            "a symmetry that moves the origin by 9 mm",
        ),
        ({"symmetries_continuous": [{"axis": [0, 0, 1], "offset": [2, 0, 0]}]}, "moves the origin by 4 mm"),
        (
            {"symmetries_continuous": [{"axis": [0, 0, 0], "offset": [0, 0, 0]}]},
            "an axis of revolution of length 0",
        ),
        ({"symmetries_continuous": [{"axis": [0, 0, 1], "offset": [0, 0, 0]}] * 2}, "2 axes of revolution"),
        ({"diameter": 0}, '"diameter" is 0, expected a finite number above 0'),
    ],
)
def test_symmetries_that_cannot_be_are_refused(models, entry, found):
    edit_record(models / "models_info.json", lambda content: content["5"].update(entry))
    with pytest.raises(InputError, match=f"models_info.json.*{found}"):
        BopObject.find(models.parent, 5).symmetries  # noqa: B018


def test_mesh_in_other_units_than_the_record_is_refused(models):
    edit_record(models / "models_info.json", lambda content: content["5"].update(diameter=0.0656))
    with pytest.raises(InputError, match="measures 30 x 30 x 50, but .* says that its diameter is 0.0656"):
        BopObject.find(models.parent, 5).mesh  # noqa: B018


def test_records_of_a_dataset_may_begin_with_a_byte_order_mark(split):
    file = first(split, "scene_camera")
    file.write_text(json.dumps(json.loads(file.read_text())), encoding="utf-8-sig")
    assert len(folder_of(split, 5)) == 8
