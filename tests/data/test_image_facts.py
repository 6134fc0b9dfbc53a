import numpy as np
import pytest
from PIL import Image

from tfapp.data import open_dataset
from tfapp.data.image_facts import image_facts, image_notices, range_facts, range_notices

RAMP = np.arange(16).reshape(4, 4)


@pytest.fixture
def notices(tmp_path):
    """Return a function that saves arrays as images of one suffix and gives the notices on them."""

    def found(*arrays, suffix=".tif"):
        for number, values in enumerate(arrays):
            Image.fromarray(values).save(tmp_path / f"{number}{suffix}")
        return range_notices(range_facts(sorted(tmp_path.glob(f"*{suffix}"))))

    return found


def test_facts_are_those_of_the_header_and_of_the_values(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray((RAMP[:3] * 100).astype(np.uint16)).save(tmp_path / "a.png", exif=exif)
    facts = image_facts(tmp_path / "a.png")
    assert (facts.format, facts.mode, facts.size, facts.bits) == ("PNG", "I;16", (4, 3), 16)
    assert (facts.lowest, facts.highest, facts.deep) == (0, 1100, True)


def test_values_of_8_bits_are_looked_at_on_demand_only(tmp_path):
    Image.fromarray((RAMP + 3).astype(np.uint8)).save(tmp_path / "a.png")
    assert image_facts(tmp_path / "a.png").highest is None
    facts = image_facts(tmp_path / "a.png", values=True)
    assert (facts.bits, facts.lowest, facts.highest, facts.deep) == (8, 3, 18, False)


def test_12_bits_in_16_are_counted_with_the_share_of_the_range(notices):
    [sentence] = notices(*((RAMP * 273).astype(np.uint16) for _ in range(3)), suffix=".png")
    # 15 * 273 = 4095, of 65535.
    assert sentence.startswith("3 of 3 image(s) with more than 8 bits hold no value above 4095")
    assert "at most 0.062" in sentence and "save the values multiplied by 16" in sentence


def test_8_bits_in_32_are_counted(notices):
    [sentence] = notices(RAMP.astype(np.int32))
    assert sentence.startswith("1 of 1 image(s) with more than 8 bits hold no value above 255")
    assert "0.tif with 15" in sentence and "save them with 8 bits" in sentence


def test_dark_image_among_bright_ones_is_counted_against_all(notices):
    [sentence] = notices((RAMP * 4000).astype(np.uint16), (RAMP * 100).astype(np.uint16))
    assert sentence.startswith("1 of 2 image(s)")


@pytest.mark.parametrize("values", [RAMP * 4369, RAMP * 0])
def test_full_range_and_black_are_not_told(notices, values):
    assert notices(values.astype(np.uint16)) == []


def test_images_of_8_bits_and_in_floating_point_are_not_told(notices):
    assert notices(RAMP.astype(np.uint8), (RAMP / 1000).astype(np.float32)) == []


def test_files_that_cannot_be_deep_or_cannot_be_read_are_left_to_their_reader(tmp_path):
    for name in ("a.jpg", "b.png"):
        (tmp_path / name).write_bytes(b"spoilt")
    assert list(range_facts(sorted(tmp_path.iterdir()))) == []


def test_notices_of_a_folder_are_on_its_images_and_on_what_is_skipped_not_on_its_masks(make_folder):
    root = make_folder(count=2)
    assert image_notices(open_dataset(f"folder:{root}")) == []
    for part, deep in (("images", RAMP.repeat(8, 0).repeat(12, 1) * 200), ("masks", None)):
        path = root / part / "cell 0.png"
        with Image.open(path) as image:
            values = np.asarray(image) if deep is None else deep
        Image.fromarray(values.astype(np.uint16)).save(path)
    (root / "masks" / "old.xcf").touch()
    on_range, on_files = image_notices(open_dataset(f"folder:{root}"))
    assert on_range.startswith("1 of 1 image(s)") and "images/cell 0.png with 3000" in on_range
    assert on_files.startswith(f"1 file(s) in {root / 'masks'} are skipped (1 .xcf)")


def test_generated_images_have_no_files_to_look_at():
    assert image_notices(open_dataset("cells:4:32")) == []
