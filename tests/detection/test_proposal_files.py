"""Files of proposals: this package's own and those of others, and how they are matched with images."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from tfapp.data import BoxedImage, Boxes
from tfapp.detection.proposals.files import read_named, read_proposals, write_proposals
from tfapp.errors import InputError


def image(name, size=(30, 40)):
    return BoxedImage(name, Path(f"{name}.png"), size, Boxes.of([]))


def cells(values):
    found = np.empty((1, len(values)), object)
    for place, value in enumerate(values):
        found[0, place] = value
    return found


def write_mat(path, content):
    scipy.io.savemat(path, {"images": cells(list(content)), "boxes": cells(list(content.values()))})
    return path


BOXES = np.array([[1, 2, 11, 22], [5, 5, 30, 40]], np.float32)
NONE = np.zeros((0, 4), np.float32)


@pytest.fixture
def stored(tmp_path):
    """An `.npz` of images a, with two boxes, and b without any."""
    write_proposals(tmp_path / "own.npz", ["a", "b"], [BOXES, NONE])
    return tmp_path / "own.npz"


def test_what_is_written_is_read(stored):
    found, _ = read_proposals(stored, [image("b"), image("a")])
    assert found[0].shape == (0, 4) and found[1].dtype == np.float32
    np.testing.assert_array_equal(found[1], BOXES)


def test_layout_is_the_documented_one(stored):
    with np.load(stored, allow_pickle=False) as content:
        assert content["images"].tolist() == ["a", "b"] and content["counts"].tolist() == [2, 0]
        np.testing.assert_array_equal(content["boxes"], BOXES)


def test_same_proposals_are_the_same_file(stored, tmp_path):
    write_proposals(tmp_path / "again.npz", ["a", "b"], [BOXES, NONE])
    assert (tmp_path / "again.npz").read_bytes() == stored.read_bytes()


def test_file_of_no_image_is_read(tmp_path):
    write_proposals(tmp_path / "own.npz", [], [])
    found = read_named(tmp_path / "own.npz")
    assert found.names == [] and found.boxes == []


def test_image_without_proposals_is_told(stored):
    _, remarks = read_proposals(stored, [image("a"), image("b")])
    assert [remark.text for remark in remarks] == ["Images without any proposal: 1, the first is b."]


def test_matlab_counts_from_1_and_inclusive(tmp_path):
    file = write_mat(tmp_path / "a.mat", {"a": np.array([[1.0, 1, 30, 40], [3, 5, 3, 5]])})
    [found], remarks = read_proposals(file, [image("a")])
    np.testing.assert_array_equal(found, [[0, 0, 30, 40], [2, 4, 3, 5]])
    assert not remarks


def test_matlab_file_that_counts_from_0_is_told(tmp_path):
    file = write_mat(tmp_path / "a.mat", {"a": np.array([[0.0, 0, 29, 39]])})
    _, remarks = read_proposals(file, [image("a")])
    assert any("all of its boxes are a pixel off" in remark.text for remark in remarks)


@pytest.mark.parametrize(
    ("in_file", "in_data"),
    [
        ("000001.jpg", "000001"),
        ("000001", "000001.jpg"),
        ("VOC2007/JPEGImages/000001.jpg", "000001"),
        ("scan.v2", "scan.v2.png"),
    ],
)
def test_names_are_matched_without_folder_and_suffix(tmp_path, in_file, in_data):
    file = write_mat(tmp_path / "a.mat", {in_file: BOXES, "other": NONE})
    [found], _ = read_proposals(file, [image(in_data)])
    assert len(found) == 2


def test_whole_name_comes_before_its_stem(tmp_path):
    write_proposals(tmp_path / "own.npz", ["x/a.png", "a"], [NONE, BOXES])
    [found], _ = read_proposals(tmp_path / "own.npz", [image("a")])
    assert len(found) == 2


def test_stem_of_two_images_is_no_match(tmp_path):
    write_proposals(tmp_path / "own.npz", ["x/a.png", "y/a.png"], [BOXES, NONE])
    with pytest.raises(InputError, match="does not tell which proposals are for a"):
        read_proposals(tmp_path / "own.npz", [image("a")])


def test_images_without_an_entry_are_counted(stored):
    with pytest.raises(InputError, match="no proposals for 2 of 3 images, the first is c"):
        read_proposals(stored, [image("a"), image("c"), image("d")])


def test_file_of_another_set_is_told(stored):
    with pytest.raises(InputError, match=r"another set: of its 2 images \(a, ...\) none is in the data"):
        read_proposals(stored, [image("c")])


def test_boxes_without_area_outside_or_beyond_are_left_out_or_cut_and_told(tmp_path):
    boxes = np.array([[3, 3, 3, 9], [50, 2, 60, 9], [20, 30, 50, 60], [0, 0, 9, 9]], np.float32)
    write_proposals(tmp_path / "own.npz", ["a"], [boxes])
    [found], remarks = read_proposals(tmp_path / "own.npz", [image("a")])
    np.testing.assert_array_equal(found, [[20, 30, 30, 40], [0, 0, 9, 9]])
    assert [remark.text for remark in remarks] == [
        "Proposals without area were left out: 1, the first for a.",
        "Proposals outside of the image were left out: 1, the first for a.",
        "Proposals that reach beyond the image were cut: 1, the first for a.",
    ]


def test_columns_in_the_order_of_x_and_y_are_found_out(tmp_path):
    write_proposals(tmp_path / "own.npz", ["a"], [np.array([[10, 0, 40, 30], [0, 0, 9, 9]], np.float32)])
    with pytest.raises(InputError, match=r"1 of 2 boxes .* none as \(x1, y1, x2, y2\)"):
        read_proposals(tmp_path / "own.npz", [image("a")])


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"boxes": None}, "has no array boxes"),
        ({"images": np.array(["a", "a"])}, "has proposals for a twice"),
        ({"images": np.array([1, 2])}, "expected arrays images"),
        ({"boxes": np.zeros((2, 3))}, "expected arrays images"),
        ({"counts": np.array([2.0, 0.0])}, "expected arrays images"),
        ({"counts": np.array([3, 0])}, "counts do not add up"),
        ({"counts": np.array([3, -1])}, "counts do not add up"),
        ({"boxes": np.full((2, 4), np.nan)}, "a box that is not finite"),
        ({"boxes": np.full((2, 4), None)}, "is damaged"),
    ],
)
def test_other_content_is_one_sentence(tmp_path, changed, sentence):
    content = {"images": np.array(["a", "b"]), "counts": np.array([2, 0]), "boxes": BOXES} | changed
    np.savez(tmp_path / "own.npz", **{name: value for name, value in content.items() if value is not None})
    with pytest.raises(InputError, match=sentence):
        read_proposals(tmp_path / "own.npz", [image("a"), image("b")])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"boxes": cells([BOXES])}, "has no images"),
        ({"images": cells(["a"]), "boxes": cells([BOXES, NONE])}, "has 1 images and boxes for 2"),
        ({"images": cells(["a"]), "boxes": cells([np.eye(3)])}, r"has an array \(3, 3\) for a"),
        ({"images": cells(["a"]), "boxes": cells(["b"])}, "has a text for a"),
        ({"images": cells(["a"]), "boxes": BOXES}, "boxes is no cell array"),
    ],
)
def test_other_content_of_matlab_is_one_sentence(tmp_path, content, sentence):
    scipy.io.savemat(tmp_path / "a.mat", content)
    with pytest.raises(InputError, match=sentence):
        read_proposals(tmp_path / "a.mat", [image("a")])


def test_newer_matlab_file_says_how_to_save_it(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(600))
    with pytest.raises(InputError, match="version 7.3, which is not read; save it in MATLAB by save"):
        read_proposals(tmp_path / "a.mat", [image("a")])


@pytest.mark.parametrize("name", ["a.npz", "a.mat"])
def test_damaged_file_is_one_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(b"no such file")
    with pytest.raises(InputError, match="is damaged or no"):
        read_proposals(tmp_path / name, [image("a")])


@pytest.mark.parametrize(
    ("name", "sentence"), [("a.csv", "ends in .npz or .mat"), ("b.npz", "does not exist")]
)
def test_file_that_is_none_is_one_sentence(tmp_path, name, sentence):
    with pytest.raises(InputError, match=sentence):
        read_proposals(tmp_path / name, [image("a")])


def test_proposals_are_written_as_npz_alone(tmp_path):
    with pytest.raises(InputError, match="written as .npz"):
        write_proposals(tmp_path / "a.mat", ["a"], [BOXES])
