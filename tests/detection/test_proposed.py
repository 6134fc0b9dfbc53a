"""Proposals of a split that are kept in a folder."""

import time
from dataclasses import dataclass, field
from threading import Barrier

import numpy as np
import pytest
from PIL import Image

from tfapp.data import BoxedImage, BoxedImages, Boxes
from tfapp.detection.proposals.methods import DenseAnchors, SelectiveSearch, check_method
from tfapp.detection.proposals.proposed import Proposed
from tfapp.errors import InputError


@dataclass
class Counting:
    """A method that notes which images it was asked for, and ends the process at one of them."""

    setting: int = 1
    killed_at: str | None = None
    asked: list = field(default_factory=list)
    name, is_quick = "counting", False

    def boxes(self, image):
        if image.name == self.killed_at:
            raise KeyboardInterrupt
        self.asked.append(image.name)
        return np.full((2, 4), [0, 0, self.setting, int(image.name) + 1], np.float32)

    def description(self):
        return {"setting": self.setting}


@pytest.fixture
def images(tmp_path):
    (tmp_path / "data").mkdir()
    found = []
    for index in range(5):
        file = tmp_path / "data" / f"{index}.png"
        Image.new("RGB", (40, 30), (40 * index, 0, 0)).save(file)
        found.append(BoxedImage(str(index), file, (30, 40), Boxes.of([])))
    return BoxedImages(tuple(found))


def made(images, method, folder, **options):
    found = Proposed(images, method, folder)
    found.make_all(**options)
    return found


def test_proposals_are_those_of_the_method(images, tmp_path):
    found = made(images, Counting(), tmp_path / "kept")
    assert len(found) == 5
    for index, boxes in enumerate(found):
        np.testing.assert_array_equal(boxes, [[0, 0, 1, index + 1]] * 2)


def test_what_is_kept_is_not_made_again(images, tmp_path):
    made(images, Counting(), tmp_path / "kept")
    method = Counting()
    assert len(made(images, method, tmp_path / "kept")[3]) == 2 and method.asked == []


def test_image_with_a_changed_content_is_made_again(images, tmp_path):
    made(images, Counting(), tmp_path / "kept")
    Image.new("RGB", (40, 30), "white").save(images[2].file)
    method = Counting()
    made(images, method, tmp_path / "kept")
    assert method.asked == ["2"]


def test_moved_images_are_not_made_again(images, tmp_path):
    made(images, Counting(), tmp_path / "kept")
    (tmp_path / "data").rename(tmp_path / "moved")
    moved = [BoxedImage(one.name, tmp_path / "moved" / one.file.name, one.size, one.boxes) for one in images]
    method = Counting()
    made(moved, method, tmp_path / "kept")
    assert method.asked == []


def test_other_settings_are_kept_apart(images, tmp_path):
    made(images, Counting(), tmp_path / "kept")
    found = made(images, Counting(setting=7), tmp_path / "kept")
    assert found[0][0, 2] == 7


@pytest.mark.parametrize("damage", ["cut", "garbage", "other type", "outside"])
def test_damaged_file_is_made_anew(images, tmp_path, damage):
    first = made(images, Counting(), tmp_path / "kept")
    for file in (tmp_path / "kept").rglob("*.npz"):
        content = file.read_bytes()
        if damage == "cut":
            file.write_bytes(content[:-30])
        elif damage == "garbage":
            file.write_bytes(b"garbage")
        else:
            kind, value = (np.float64, 1) if damage == "other type" else (np.float32, 1000)
            np.savez(file, boxes=np.array([[0, 0, value, value]], kind))
    method = Counting()
    again = made(images, method, tmp_path / "kept")
    assert sorted(method.asked) == list("01234")
    np.testing.assert_array_equal(again[3], first[3])


def test_killed_work_goes_on_where_it_stood(images, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        made(images, Counting(killed_at="3"), tmp_path / "kept", threads=1)
    method = Counting()
    made(images, method, tmp_path / "kept", threads=1)
    # The thread may have begun with the last one before it was told to end.
    assert method.asked in (["3"], ["3", "4"])


def test_images_of_the_same_content_made_at_the_same_time_do_not_disturb_each_other(
    images, tmp_path, monkeypatch
):
    twins = BoxedImages((images[0],) * 3)
    all_begun, save = Barrier(3), np.savez

    class Together(Counting):
        def boxes(self, image):
            all_begun.wait(timeout=10)
            return super().boxes(image)

    def slow_save(*arguments, **arrays):
        save(*arguments, **arrays)
        time.sleep(0.05)

    monkeypatch.setattr(np, "savez", slow_save)
    found = made(twins, Together(), tmp_path / "kept", threads=3)
    assert [len(boxes) for boxes in found] == [2, 2, 2]


def test_progress_counts_the_images(images, tmp_path):
    told = []
    made(images, Counting(), tmp_path / "kept", progress=lambda done, total: told.append((done, total)))
    assert told == [(count, 5) for count in range(1, 6)]


def test_what_a_killed_process_was_writing_is_removed(images, tmp_path):
    made(images, Counting(), tmp_path / "kept")
    folder = next((tmp_path / "kept").iterdir())
    (folder / ".half.999999999.part.npz").touch()
    made(images, Counting(), tmp_path / "kept")
    assert not list(folder.glob(".*"))


def test_removal_takes_nothing_that_others_put_there(images, tmp_path):
    found = made(images, Counting(), tmp_path / "kept")
    (tmp_path / "kept" / "notes.txt").touch()
    found.remove()
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["notes.txt"]


def test_removal_takes_the_folder_too(images, tmp_path):
    made(images, Counting(setting=2), tmp_path / "kept")
    made(images, Counting(), tmp_path / "kept").remove()
    assert not (tmp_path / "kept").exists()


def test_image_that_cannot_be_read_is_one_sentence(images, tmp_path):
    images[1].file.write_bytes(b"no image")
    with pytest.raises(InputError, match="1.png is empty or not an image"):
        made(images, SelectiveSearch(), tmp_path / "kept")


def test_folder_of_the_images_is_refused(images):
    with pytest.raises(InputError, match="has images of the data; choose another `cache`"):
        Proposed(images, Counting(), images[0].file.parent)


def test_slow_method_needs_a_folder(images):
    with pytest.raises(InputError, match="name a folder by `cache`"):
        Proposed(images, SelectiveSearch())


def test_anchors_need_neither_folder_nor_pixels(images):
    images[0].file.unlink()
    [box] = Proposed(images, DenseAnchors(stride=40, sizes=(20,), ratios=(1,), min_side=5))[0]
    np.testing.assert_array_equal(box, [10, 10, 30, 30])


def test_anchors_are_cut_to_the_image_and_each_is_there_once(images):
    boxes = DenseAnchors(stride=16, sizes=(64, 512), ratios=(1,), min_side=10).boxes(images[0])
    assert (boxes >= 0).all() and (boxes <= (30, 40, 30, 40)).all()
    assert (boxes[:, 2:] - boxes[:, :2]).min() >= 10
    assert len(np.unique(boxes, axis=0)) == len(boxes)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"stride": 0}, "`stride` and `min_side` must be at least 1; got 0 and 20"),
        ({"sizes": (0,)}, "`sizes` must be positive numbers"),
        ({"ratios": (1, float("nan"))}, "`ratios` must be positive numbers"),
        ({"ratios": ()}, "`ratios` must be positive numbers"),
    ],
)
def test_settings_of_anchors_out_of_range_are_one_sentence(setting, sentence):
    with pytest.raises(InputError, match=sentence):
        DenseAnchors(**setting)


def test_unknown_method_is_one_sentence():
    with pytest.raises(InputError, match="`method` must be selective-search or anchors; got 'edges'"):
        check_method("edges")


def test_description_has_all_settings():
    assert (
        SelectiveSearch(min_side=7).description().items()
        >= {"mode": "fast", "min_side": 7, "most": 2000}.items()
    )
