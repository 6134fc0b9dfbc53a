import shutil

import numpy as np
import pytest
from PIL import Image

from tfapp.data import Frames, Framing, open_dataset, split_items
from tfapp.data.checks import WARNING, check_data
from tfapp.errors import InputError

FRAMES = {
    "train": ("0001TP_006690", "0006R0_f00930", "0016E5_00390"),
    "val": ("0016E5_07959",),
    "test": ("Seq05VD_f00000", "Seq05VD_f00030"),
}


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    for part, stems in FRAMES.items():
        lines = []
        for stem in stems:
            write(tmp_path / part / f"{stem}.png", rng.integers(0, 255, (12, 16, 3), dtype=np.uint8))
            mask = rng.integers(0, 11, (12, 16), dtype=np.uint8)
            mask[0] = 11
            write(tmp_path / f"{part}annot" / f"{stem}.png", mask)
            lines.append(f"/SegNet/CamVid/{part}/{stem}.png /SegNet/CamVid/{part}annot/{stem}.png")
        (tmp_path / f"{part}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def write(path, pixels):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_lists_are_the_split(root):
    split = split_items(open_dataset(f"camvid:{root}"), seed=5, test_share=0.9, validation_share=0.0)
    assert sorted(split.train) == ["train/0001TP_006690", "train/0006R0_f00930", "train/0016E5_00390"]
    assert split.validation == ("val/0016E5_07959",)
    assert split.test == ("test/Seq05VD_f00000", "test/Seq05VD_f00030")


def test_image_that_no_list_names_is_left_out(root):
    write(root / "train" / "0016E5_99999.png", np.zeros((12, 16, 3), np.uint8))
    assert len(open_dataset(f"camvid:{root}").items) == 6


def test_mask_values_are_the_classes(root):
    dataset = open_dataset(f"camvid:{root}")
    for item in dataset.items:
        file = root / f"{item.name.replace('/', 'annot/')}.png"
        np.testing.assert_array_equal(item.read_mask(), np.asarray(Image.open(file)))
    assert dataset.class_names[0] == "Sky" and dataset.class_names[10] == "Bicyclist"


def test_void_has_no_weight(root):
    dataset = open_dataset(f"camvid:{root}")
    _, labels, weights = Frames(dataset, dataset.items, Framing())[0]
    assert (weights[0] == 0).all() and (weights[1:] == 1).all()
    assert labels.max() < 11


def test_listed_file_that_is_missing_is_named_with_its_list(root):
    (root / "valannot" / "0016E5_07959.png").unlink()
    with pytest.raises(InputError, match=r"valannot/0016E5_07959.png is missing, though .*val.txt names it"):
        open_dataset(f"camvid:{root}")


def test_missing_list_is_named(root):
    (root / "test.txt").unlink()
    with pytest.raises(InputError, match=r"has no test.txt; expected SegNet's CamVid"):
        open_dataset(f"camvid:{root}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n", "names no image"),
        (b"train/0001TP_006690.png\n", "expected 'FOLDER/IMAGE.png FOLDER/MASK.png'"),
        (b"a.png b.png\n", "expected 'FOLDER/IMAGE.png FOLDER/MASK.png'"),
        (b"\xff\xfe\x00t", "is not UTF-8 text"),
    ],
)
def test_list_of_another_form_is_refused(root, content, message):
    (root / "val.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_dataset(f"camvid:{root}")


def test_image_in_two_lists_is_refused(root):
    (root / "val.txt").write_text((root / "train.txt").read_text())
    with pytest.raises(InputError, match="name the image train/0001TP_006690 twice"):
        open_dataset(f"camvid:{root}")


def test_sample_of_camvid_has_the_documented_sizes_and_shares(real_data):
    dataset = open_dataset(f"camvid:{real_data('CamVid')}")
    split = split_items(dataset)
    assert [len(part) for part in (split.train, split.validation, split.test)] == [120, 30, 60]
    assert {item.size for item in dataset.items} == {(360, 480)}
    masks = np.stack([item.read_mask() for item in dataset.select(split.train)])
    shares = 100 * np.bincount(masks.ravel(), minlength=12) / masks.size
    # The sample's documentation, classes 0 to 10 and void.
    documented = [16.8, 23.6, 1.0, 31.4, 4.4, 9.6, 1.2, 1.1, 6.0, 0.6, 0.3, 3.9]
    np.testing.assert_allclose(shares, documented, atol=0.051)


def test_names_in_the_lists_meet_files_whichever_form_of_unicode_either_has(root):
    for folder in ("val", "valannot"):
        (root / folder / "0016E5_07959.png").rename(root / folder / "e\u0301.png")
    (root / "val.txt").write_text("val/\u00e9.png valannot/\u00e9.png\n", encoding="utf-8")
    assert open_dataset(f"camvid:{root}").official_split.validation == ("val/e\u0301",)


@pytest.mark.parametrize("name", ["0001TP_006690", "another"])
def test_check_warns_of_a_picture_in_two_splits_whatever_its_name(root, name):
    for part in ("", "annot"):
        shutil.copy(root / f"train{part}" / "0001TP_006690.png", root / f"test{part}" / f"{name}.png")
    with (root / "test.txt").open("a") as listed:
        listed.write(f"/SegNet/CamVid/test/{name}.png /SegNet/CamVid/testannot/{name}.png\n")
    warnings = [one.text for one in check_data(open_dataset(f"camvid:{root}")).of_kind(WARNING)]
    assert any(
        f"occur in two splits, so a test on them tells too much: train/0001TP_006690 = test/{name}" in one
        for one in warnings
    )
