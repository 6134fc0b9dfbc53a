from contextlib import nullcontext

import numpy as np
import pytest
from PIL import Image

from tfapp.data import open_dataset, opening
from tfapp.data.mask_files import read_colours, read_stored
from tfapp.errors import InputError

COLOURS = np.array([[0, 0, 0], [220, 20, 60], [30, 160, 30]], np.uint8)
# Labels of two small masks: the second does not have class 1.
LABELS = [np.zeros((12, 12), np.uint8), np.zeros((12, 12), np.uint8)]
LABELS[0][1:5, 1:5], LABELS[0][6:11, 6:11] = 1, 2
LABELS[1][2:8, 2:8] = 2


@pytest.fixture
def opened(tmp_path):
    """Return a function that writes masks (PIL images) with plain images beside them and opens the folder."""

    def opened(masks, classes=None, suffix="png", **options):
        for name in ("images", "masks"):
            (tmp_path / name).mkdir(exist_ok=True)
        for number, mask in enumerate(masks):
            Image.new("RGB", mask.size, (90, 90, 90)).save(tmp_path / f"images/{number}.png")
            mask.save(tmp_path / f"masks/{number}.{suffix}", **options)
        if classes:
            (tmp_path / "classes.txt").write_text(classes)
        return open_dataset(f"folder:{tmp_path}")

    return opened


def grey(scale=1):
    return [Image.fromarray(labels * np.uint8(scale)) for labels in LABELS]


def binary(value=255):
    return [Image.fromarray(np.where(labels, value, 0).astype(np.uint8)) for labels in LABELS]


def paletted(order, labels=LABELS):
    """Return palette masks of these labels, of which each has the colours of the classes in an order of its own."""
    masks = []
    for one, numbers in zip(labels, order, strict=True):
        mask = Image.fromarray(np.argsort(numbers).astype(np.uint8)[one], mode="P")
        mask.putpalette(COLOURS[list(numbers)].tobytes())
        masks.append(mask)
    return masks


def labels_of(dataset):
    return [item.read_mask() for item in dataset.items]


def test_second_of_two_names_is_255_where_masks_hold_0_and_255(opened):
    dataset = opened(binary(), "background\ncell\n")
    assert dataset.class_names == ("background", "cell") and dataset.ignore_value is None
    np.testing.assert_array_equal(labels_of(dataset), [labels > 0 for labels in LABELS])
    (remark,) = dataset.remarks
    assert "255 is read as cell" in remark.text and not remark.doubt


def test_255_stays_without_a_label_where_the_list_says_so(opened):
    with pytest.raises(InputError, match="fewer than two classes"):
        opened(binary(), "__ignore__\nbackground\ncell\n")


def test_classes_of_which_fewer_than_two_occur_are_refused_with_what_occurs(opened):
    with pytest.raises(
        InputError, match="is cell, so fewer than two classes .* value 255 occurs .* '255 NAME'"
    ):
        opened(binary(), "0 background\n1 cell\n")


@pytest.mark.parametrize("line", ["-1 void", "-1: unlabelled", "256 void"])
def test_class_of_a_value_that_8_bits_cannot_hold_is_refused_with_the_way_to_write_it(opened, line):
    value, name = line.replace(":", "").split()
    with pytest.raises(
        InputError, match=f"has the line '{value} {name}'.* 8 bits.* write '{value} ignore', otherwise"
    ):
        opened(grey(), f"{line}\n0 ground\n1 body\n2 core\n")


def test_minus_one_without_a_label_is_255_in_masks_of_8_bits(opened):
    labels = np.where(LABELS[0] == 1, 255, LABELS[0]).astype(np.uint8)
    dataset = opened([Image.fromarray(labels)] * 2, "-1 ignore\n0 ground\n2 core\n")
    np.testing.assert_array_equal(labels_of(dataset)[0], np.array([0, 255, 1])[LABELS[0]])
    assert any("-1 has no label, which 8 bits hold as 255" in remark.text for remark in dataset.remarks)


def test_minus_one_that_masks_of_32_bits_hold_is_its_own_value(opened):
    masks = [Image.fromarray(labels.astype(np.int32) - 1) for labels in LABELS]
    ignored = opened(masks, "-1 ignore\n0 body\n1 core\n", "tif")
    np.testing.assert_array_equal(labels_of(ignored), np.array([255, 0, 1])[LABELS])
    named = opened(masks, "-1 ground\n0 body\n1 core\n", "tif")
    np.testing.assert_array_equal(labels_of(named), LABELS)


def test_class_without_a_pixel_is_told(opened):
    (remark,) = opened(grey(), "background\nbody\ncore\nwall\n").remarks
    assert "No pixel of any mask" in remark.text and "wall" in remark.text and remark.doubt


def test_colours_of_palettes_that_disagree_are_the_classes_of_the_first_palette(opened):
    dataset = opened(paletted([(0, 1, 2), (2, 0, 1)]))
    np.testing.assert_array_equal(labels_of(dataset), LABELS)
    assert "palettes" in dataset.remarks[0].text and "220,20,60 = class 1" in dataset.remarks[0].text


def test_colours_in_the_list_set_the_order_of_classes_of_any_palette(opened):
    dataset = opened(paletted([(0, 1, 2), (2, 0, 1)]), "core:30,160,30::\nground:0,0,0::\nbody:220,20,60::\n")
    assert dataset.class_names == ("core", "ground", "body")
    np.testing.assert_array_equal(labels_of(dataset), np.array([1, 2, 0])[LABELS])
    assert not dataset.remarks


def test_colours_in_the_list_decode_colour_pictures_and_ignored_colours(opened):
    masks = [Image.fromarray(COLOURS[labels]) for labels in LABELS]
    dataset = opened(masks, "ground:0,0,0\ncore:30,160,30\nignore:220,20,60\n")
    np.testing.assert_array_equal(labels_of(dataset), np.array([0, 255, 1])[LABELS])


def test_palettes_that_agree_leave_the_index_as_the_class(opened):
    dataset = opened(paletted([(2, 0, 1)] * 2, [np.argsort((2, 0, 1))[labels] for labels in LABELS]))
    stored = [np.argsort((2, 0, 1))[np.argsort((2, 0, 1))[labels]] for labels in LABELS]
    np.testing.assert_array_equal(labels_of(dataset), stored)
    assert not dataset.remarks


def test_palette_of_one_colour_leaves_the_index_as_the_class(opened):
    masks = grey()
    for number, mask in enumerate(masks):
        mask.putpalette([0] * 9 + [number] * 3)
    np.testing.assert_array_equal(labels_of(opened(masks)), LABELS)


def of_palettes(*pictures):
    """Return palette masks of (indices, colours) each."""
    masks = []
    for indices, colours in pictures:
        mask = Image.fromarray(np.array(indices, np.uint8), mode="P")
        mask.putpalette(bytes(np.array(colours, np.uint8).ravel()))
        masks.append(mask)
    return masks


BLACK, RED, GREEN = COLOURS.tolist()


@pytest.mark.parametrize(
    "second", [([[0, 2], [3, 3]], [BLACK, GREEN, RED, GREEN]), ([[0, 1], [2, 2]], [BLACK, RED, GREEN])]
)
def test_indices_of_one_colour_are_one_class_where_colours_count(opened, second):
    dataset = opened(of_palettes(([[0, 1], [2, 1]], [BLACK, RED, GREEN, RED]), second, ([[1]], [RED, BLACK])))
    one, other, black = labels_of(dataset)
    assert one.tolist() == [[0, 1], [2, 1]] and other.tolist() == [[0, 1], [2, 2]] and black.tolist() == [[0]]


@pytest.mark.parametrize(
    ("first", "indices"),
    [
        ([[0, 1], [2, 3]], "1 and 3"),  # both occur
        ([[0, 3], [2, 2]], "1 and 3"),  # the later one occurs
        ([[0, 0], [2, 2]], "1 and 3"),  # none occurs, and red is in the second mask
    ],
)
def test_colour_of_two_indices_of_the_first_palette_is_refused_with_both(opened, first, indices):
    masks = of_palettes((first, [BLACK, RED, GREEN, RED]), ([[1, 0], [2, 2]], [RED, BLACK, GREEN]))
    with pytest.raises(
        InputError, match=f"0.png has the colour 220,20,60 twice, at the indices {indices}; save all"
    ):
        opened(masks)


def test_colour_twice_in_one_palette_does_not_hide_that_others_disagree(opened):
    twice_black = ([[0, 3], [1, 1]], [BLACK, RED, GREEN, BLACK])
    red_elsewhere = ([[0, 2], [2, 2]], [BLACK, GREEN, RED])
    with pytest.raises(InputError, match="has the colour 0,0,0 twice, at the indices 0 and 3"):
        opened(of_palettes(twice_black, red_elsewhere))


def test_colour_that_the_first_palette_does_not_have_is_refused(opened):
    with pytest.raises(InputError, match=r"30,160,30 \(36 pixels\); write 'NAME:R,G,B' lines"):
        opened(_unknown_colour())


def _unknown_colour():
    first, second = paletted([(0, 1), (1, 0)], [LABELS[0] % 2, LABELS[1] // 2])
    second.putpalette(COLOURS[[2, 0]].tobytes())
    return [first, second]


def test_colour_outside_the_list_is_named_with_its_count(opened):
    masks = [Image.fromarray(COLOURS[labels]) for labels in LABELS]
    with pytest.raises(InputError, match=r"holds the colour 220,20,60, outside .*16 pixels \(5.6 %\)"):
        opened(masks, "ground:0,0,0\ncore:30,160,30\n")


def test_colours_without_a_list_are_named_with_the_line_that_lists_them(opened, tmp_path):
    masks = [Image.fromarray(COLOURS[labels]) for labels in LABELS]
    with pytest.raises(InputError) as refused:
        opened(masks, "ground\nbody\ncore\n")
    assert str(refused.value).endswith(
        f"write {tmp_path / 'classes.txt'} with one line 'NAME:R,G,B' for each; it has 3 colour(s): 0,0,0 (103 pixels, "
        "72 %), 30,160,30 (25 pixels, 17 %), 220,20,60 (16 pixels, 11 %)."
    )


@pytest.mark.parametrize("mode", ["RGB", "P", "L", "I;16"])
@pytest.mark.parametrize("read", [read_stored, read_colours])
def test_mask_of_any_kind_is_decoded_once(tmp_path, monkeypatch, read, mode):
    mask = Image.fromarray(LABELS[0].astype(np.uint16)) if mode == "I;16" else grey()[0].convert(mode)
    mask.save(tmp_path / "a.png")
    decoded = []
    monkeypatch.setattr(opening, "_load", lambda image, load=opening._load: (decoded.append(1), load(image)))
    with nullcontext() if (read, mode) != (read_colours, "I;16") else pytest.raises(InputError):
        read(tmp_path / "a.png")
    assert decoded == [1]


@pytest.mark.parametrize(("suffix", "options"), [("jpg", {}), ("webp", {"lossless": False})])
def test_lossy_masks_give_no_classes_of_their_own(opened, suffix, options):
    with pytest.raises(InputError, match="loses details.*export the masks again as PNG"):
        opened(grey(), suffix=suffix, **options)


def test_lossless_webp_gives_classes(opened):
    np.testing.assert_array_equal(labels_of(opened(grey(), suffix="webp", lossless=True)), LABELS)


def test_advice_for_black_and_white_jpegs_works(opened, tmp_path):
    with pytest.raises(InputError) as refused:
        opened(binary(), suffix="jpg")
    expression = str(refused.value).split('"')[1]
    for path in sorted((tmp_path / "masks").iterdir()):
        exec(expression.replace("A.jpg", str(path)).replace("A.png", str(path.with_suffix(".png"))))
        path.unlink()
    dataset = open_dataset(f"folder:{tmp_path}")
    np.testing.assert_array_equal(labels_of(dataset), [labels > 0 for labels in LABELS])


def test_values_of_a_smooth_resize_are_named_with_shares_and_a_way_out(opened):
    big = np.kron(LABELS[0] > 0, np.ones((20, 20), np.uint8)).astype(np.uint8) * 200
    smooth = Image.fromarray(big).resize((233, 233), Image.Resampling.BILINEAR)
    with pytest.raises(InputError, match=r"rare values between 0, 200: \d+ \(\d+ pixels, .* %\).*NEAREST"):
        opened([smooth])
    with pytest.raises(InputError, match=r"outside the classes \(0, 200\).*NEAREST"):
        opened([smooth], "0 ground\n200 cell\n")


def test_value_that_an_interpolation_put_between_others_is_told(opened):
    large = [mask.resize((120, 120), Image.Resampling.NEAREST) for mask in binary(2)]
    smooth = [mask.resize((77, 77), Image.Resampling.BILINEAR) for mask in large]
    assert all(np.bincount(np.ravel(mask), minlength=3)[1] for mask in smooth)
    (remark,) = opened(smooth).remarks
    assert "The value 1 (class 1) stands in lines one pixel wide only" in remark.text and remark.doubt


def test_fingerprint_covers_what_values_mean_and_not_only_files(opened, tmp_path):
    def fingerprints(classes):
        dataset = opened(grey(), classes)
        return dataset.content_fingerprint(), dataset.fingerprint()

    lists = ["0 a\n1 b\n2 c\n", "1 a\n0 b\n2 c\n", "0 a\n1 b\n2 d\n", "0 a\n1 b\n2 ignore\n"]
    found = [fingerprints(classes) for classes in lists]
    assert len({content for content, _ in found}) == 1 and len({coded for _, coded in found}) == 4


def test_mask_that_changed_since_the_folder_was_opened_is_refused_when_it_is_read(opened, tmp_path):
    dataset = opened(grey())
    dataset.items[0].read_mask()
    Image.new("L", (12, 12), 7).save(tmp_path / "masks/0.png")
    with pytest.raises(InputError, match="0.png holds the value 7, outside the classes"):
        dataset.items[0].read_mask()


@pytest.mark.parametrize("count", [2, 16, 17, 40])
def test_colours_are_the_classes_of_the_list_however_many_there_are(opened, count):
    rng = np.random.default_rng(count)
    colours = rng.permutation(256**3)[:count]
    colours = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], -1).astype(np.uint8)
    drawn = [rng.permutation(np.arange(30 * 30) % count).reshape(30, 30) for _ in range(2)]
    lines = "".join(f"class{i}:{r},{g},{b}\n" for i, (r, g, b) in enumerate(colours))
    dataset = opened([Image.fromarray(colours[labels]) for labels in drawn], lines)
    np.testing.assert_array_equal(labels_of(dataset), drawn)


@pytest.mark.parametrize("values", [range(3), range(40), (0, 255), (7, 9, 255)])
def test_values_are_counted_however_many_there_are(tmp_path, values):
    pixels = np.random.default_rng(0).choice(np.array(values, np.uint8), (20, 30))
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected = {value: int(np.sum(pixels == value)) for value in values}
    assert read_stored(tmp_path / "a.png").counts == expected


def test_labels_are_numbers_of_32_bits_so_that_they_can_be_calculated_with(opened):
    assert {labels.dtype for labels in labels_of(opened(grey()))} == {np.dtype(np.int32)}
