import numpy as np
import pytest
from PIL import Image

from tfapp.data import open_dataset
from tfapp.errors import InputError


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def wbc_root(tmp_path):
    root = tmp_path / "segmentation WBC"
    rng = np.random.default_rng(0)
    for subset, stems in (("Dataset 1", ("001", "112", "139")), ("Dataset 2", ("001", "002"))):
        for stem in stems:
            write(root / subset / f"{stem}.bmp", rng.integers(0, 255, (20, 24, 3), dtype=np.uint8))
            mask = rng.choice([0, 128, 255], (20, 24)).astype(np.uint8)
            mask[0, :3] = (2, 50, 200)
            write(root / subset / f"{stem}.png", mask)
    return root


@pytest.fixture
def isbi_root(tmp_path):
    for index in (0, 2, 10, 1):
        write(tmp_path / "train" / "image" / f"{index}.png", np.full((16, 16), index, np.uint8))
        write(tmp_path / "train" / "label" / f"{index}.png", np.tile([0, 255], (16, 8)).astype(np.uint8))
    return tmp_path


def test_wbc_reads_both_subsets_below_a_path_with_spaces(wbc_root):
    names = [item.name for item in open_dataset(f"wbc:{wbc_root}").items]
    assert names == ["Dataset 1/001", "Dataset 1/112", "Dataset 1/139", "Dataset 2/001", "Dataset 2/002"]


def test_wbc_says_that_both_subsets_are_mixed(wbc_root):
    [remark] = open_dataset(f"wbc:{wbc_root}").remarks
    assert "holds Dataset 1 and Dataset 2" in remark.text and f"wbc:{wbc_root}/Dataset 2" in remark.text
    assert not open_dataset(f"wbc:{wbc_root}/Dataset 2").remarks


def test_wbc_leaves_out_hidden_files(wbc_root):
    (wbc_root / "Dataset 2" / "._001.bmp").write_bytes(b"what macOS writes beside a picture")
    assert len(open_dataset(f"wbc:{wbc_root}").items) == 5


def test_wbc_reads_one_subset(wbc_root):
    assert [item.name for item in open_dataset(f"wbc:{wbc_root}/Dataset 2").items] == ["001", "002"]


def test_wbc_maps_stray_mask_values_to_the_nearest_level(wbc_root):
    mask = open_dataset(f"wbc:{wbc_root}").items[0].read_mask()
    assert mask[0, :3].tolist() == [0, 0, 2]
    assert set(np.unique(mask)) == {0, 1, 2}


def test_wbc_reads_the_levels_of_a_palette_and_not_its_indices(wbc_root):
    path = wbc_root / "Dataset 1" / "001.png"
    before = open_dataset(f"wbc:{wbc_root}").items[0].read_mask()
    Image.open(path).convert("RGB").quantize(8).save(path)
    np.testing.assert_array_equal(open_dataset(f"wbc:{wbc_root}").items[0].read_mask(), before)


def test_isbi_mask_with_a_coloured_palette_is_refused(isbi_root):
    mask = Image.new("P", (16, 16))
    mask.putpalette([0, 0, 9])
    mask.save(isbi_root / "train" / "label" / "0.png")
    with pytest.raises(InputError, match="palette with the colour 0,0,9; expected grey levels"):
        open_dataset(f"isbi2012:{isbi_root}").items[0].read_mask()


def test_wbc_keeps_the_doubled_picture_in_one_group(wbc_root):
    groups = {item.name: item.group for item in open_dataset(f"wbc:{wbc_root}").items}
    assert groups["Dataset 1/112"] == groups["Dataset 1/139"] != groups["Dataset 1/001"]


def test_wbc_image_without_mask_is_named(wbc_root):
    (wbc_root / "Dataset 2" / "002.png").unlink()
    with pytest.raises(InputError, match="002.bmp has no mask"):
        open_dataset(f"wbc:{wbc_root}")


def test_isbi_slices_come_in_numeric_order(isbi_root):
    assert [item.name for item in open_dataset(f"isbi2012:{isbi_root}").items] == ["0", "1", "2", "10"]


def test_isbi_membrane_is_class_zero_and_images_are_grey(isbi_root):
    dataset = open_dataset(f"isbi2012:{isbi_root}")
    assert dataset.class_names == ("membrane", "cell")
    assert dataset.items[0].read_mask()[0, :2].tolist() == [0, 1]
    assert dataset.items[3].read_image().shape == (16, 16, 1)


def test_isbi_slice_without_label_is_named(isbi_root):
    (isbi_root / "train" / "label" / "10.png").unlink()
    with pytest.raises(InputError, match="10.png has no label"):
        open_dataset(f"isbi2012:{isbi_root}")


@pytest.mark.parametrize("name", ["wbc", "isbi2012"])
def test_empty_folder_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="expected"):
        open_dataset(f"{name}:{tmp_path}")


def test_fingerprint_changes_with_a_mask(wbc_root):
    before = open_dataset(f"wbc:{wbc_root}").fingerprint()
    write(wbc_root / "Dataset 2" / "001.png", np.zeros((20, 24), np.uint8))
    assert open_dataset(f"wbc:{wbc_root}").fingerprint() != before


def test_official_wbc_has_400_images_of_three_classes(real_data):
    dataset = open_dataset(f"wbc:{real_data('segmentation_WBC')}")
    assert len(dataset.items) == 400
    stray = next(item for item in dataset.items if item.name == "Dataset 2/047")
    assert set(np.unique(stray.read_mask())) <= {0, 1, 2}


def test_official_isbi_has_the_documented_membrane_share(real_data):
    items = open_dataset(f"isbi2012:{real_data('isbi2012')}").items
    share = np.mean([np.mean(item.read_mask() == 0) for item in items])
    assert len(items) == 30
    assert share == pytest.approx(0.2196, abs=5e-5)  # the dataset's documentation: 21.96 % membrane
