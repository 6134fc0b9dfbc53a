"""Masks of one folder by different rules; labels are compared with the arrays that the masks were made of."""

import struct
import zlib

import numpy as np
import pytest
import tifffile  # another writer than ours
from PIL import Image

from tfapp.data import open_dataset
from tfapp.data.mask_files import read_stored
from tfapp.data.number_masks import NumberMasks
from tfapp.errors import InputError

THREE = np.array([[0, 0, 1, 1], [0, 2, 2, 1], [0, 2, 2, 0]], np.uint8)
TWO = (THREE == 1).astype(np.uint8)


def png(values, bits=8):
    """Return a grey PNG whose numbers have these bits: 1, 2, 4 or 8."""
    height, width = values.shape
    rows = np.unpackbits(values[..., None], axis=-1)[..., 8 - bits :].reshape(height, -1)
    lines = b"".join(b"\0" + row.tobytes() for row in np.packbits(rows, axis=-1))
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def pgm(values, maximum):
    kind = ">u2" if maximum > 255 else "u1"
    height, width = values.shape
    return f"P5 {width} {height} {maximum}\n".encode() + values.astype(kind).tobytes()


@pytest.fixture
def opened(tmp_path):
    """Return a function that writes masks (contents of files) with plain images beside them and opens the folder."""

    def opened(*masks, classes=None):
        for name in ("images", "masks"):
            (tmp_path / name).mkdir(exist_ok=True)
        for number, content in enumerate(masks):
            Image.new("RGB", THREE.shape[::-1]).save(tmp_path / f"images/{number}.png")
            (tmp_path / f"masks/{number}.png").write_bytes(content)
        if classes:
            (tmp_path / "classes.txt").write_text(classes)
        return open_dataset(f"folder:{tmp_path}")

    return opened


def labels_of(dataset):
    return [item.read_mask() for item in dataset.items]


@pytest.mark.parametrize("classes", [None, "bare\ncell\nscratch\n", "0 bare\n1 cell\n2 scratch\n"])
@pytest.mark.parametrize("content", [png(TWO, 1), png(TWO, 2), png(TWO, 4), pgm(TWO, 1), pgm(TWO, 4000)])
def test_mask_of_few_levels_counts_by_its_numbers_among_numbers(opened, content, classes):
    dataset = opened(png(THREE), content, classes=classes)
    np.testing.assert_array_equal(labels_of(dataset), [THREE, TWO])
    assert (
        "1 mask(s) have fewer grey levels than 256" in dataset.remarks[0].text
        and not dataset.remarks[0].doubt
    )


@pytest.mark.parametrize("maximum", [2, 128, 200, 254, 256, 4095, 65534])
def test_numbers_of_a_pgm_are_those_of_the_file_whatever_its_maximum(tmp_path, maximum):
    values = np.minimum(np.arange(300).reshape(20, 15), maximum)
    (tmp_path / "a.pgm").write_bytes(pgm(values, maximum))
    mask = read_stored(tmp_path / "a.pgm").numbered()
    np.testing.assert_array_equal(mask.pixels, values)
    assert mask.counts == dict(zip(*np.unique(values, return_counts=True), strict=True))


@pytest.mark.parametrize("content", [png(TWO, 1), pgm(TWO, 1), pgm(TWO * 200, 200)])
@pytest.mark.parametrize("classes", [None, "bare\ncell\n", "0 bare\n255 cell\n"])
def test_masks_that_are_all_black_and_white_stay_so(opened, content, classes):
    dataset = opened(png(TWO * 255), content, classes=classes)
    np.testing.assert_array_equal(labels_of(dataset), [TWO, TWO])
    assert dataset.mask_coding.values == (0, 255) and dataset.ignore_value is None


def test_masks_of_one_bit_count_by_the_numbers_of_the_list(opened):
    dataset = opened(png(TWO, 1), classes="0 bare\n1 cell\n255 ignore\n")
    np.testing.assert_array_equal(labels_of(dataset), [TWO])


def test_levels_of_a_list_of_levels_stay(opened):
    dataset = opened(png(THREE, 2), classes="0 bare\n85 cell\n170 scratch\n")
    np.testing.assert_array_equal(labels_of(dataset), [THREE])


@pytest.mark.parametrize("classes", [None, "bare\ncell\n", "0 bare\n1 cell\n"])
def test_black_and_white_masks_among_numbers_are_refused_with_counts(opened, classes):
    with pytest.raises(
        InputError, match=r"2 mask\(s\) .* hold 0 and 255 only, such as 1.png, and 1 hold classes \(1\)"
    ):
        opened(png(TWO), png(TWO * 255), png(TWO * 255), classes=classes)


def test_255_that_is_said_to_have_no_label_has_none(opened):
    dataset = opened(png(TWO), png(TWO * 255), classes="0 bare\n1 cell\n255 ignore\n")
    np.testing.assert_array_equal(labels_of(dataset), [TWO, TWO * 255])
    assert dataset.remarks == ()


@pytest.mark.parametrize("third", [TWO + (THREE == 2) * np.uint8(255), np.full_like(TWO, 255)])
def test_255_beside_classes_or_throughout_is_a_doubt(opened, third):
    second = TWO * 255 if (third == 1).any() else third
    dataset = opened(png(TWO), png(second), png(third))
    assert any(remark.doubt and "255 is read as no label" in remark.text for remark in dataset.remarks)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_levels_are_no_published_numbers(tmp_path, bits):
    (tmp_path / "a.png").write_bytes(png(TWO, bits))
    with pytest.raises(InputError, match=f"has {2**bits} grey levels"):
        NumberMasks(37).read(tmp_path / "a.png")


@pytest.mark.parametrize("classes", [None, "bare:0,0,0\ncell:255,255,255\n"])
@pytest.mark.parametrize("colour", [0, 255])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_mask_whose_content_is_its_transparency_is_refused(opened, tmp_path, mode, colour, classes):
    mask = Image.new(mode, THREE.shape[::-1], (colour,) * len(mode))
    mask.putalpha(Image.fromarray(TWO * 255))
    mask.save(tmp_path / "alpha.png")
    with pytest.raises(InputError, match="throughout, and only its transparency varies"):
        opened(png(TWO * 255), (tmp_path / "alpha.png").read_bytes(), classes=classes)


def test_transparency_beside_values_does_not_count(opened, tmp_path):
    mask = Image.fromarray(TWO * 255).convert("RGBA")
    mask.putalpha(Image.fromarray(TWO * 255))
    mask.save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(labels_of(opened((tmp_path / "alpha.png").read_bytes())), [TWO])


def counted(numbers):
    """Return a mask of as many numbered objects, each of one pixel."""
    values = np.zeros(12, np.uint8)
    values[:numbers] = np.arange(1, numbers + 1)
    return png(values.reshape(3, 4))


def test_masks_whose_objects_are_numbered_are_doubted(opened):
    remarks = [one.text for one in opened(*map(counted, (3, 5, 4))).remarks if one.doubt]
    assert any(
        "1 on without a gap, 3 to 5 of them, as masks do whose objects are numbered" in one for one in remarks
    )


@pytest.mark.parametrize(
    ("masks", "classes"),
    [
        ((3, 5, 4), "".join(f"{value} class-{value}\n" for value in range(6))),
        ((1, 3, 2), None),
        ((5, 5, 5), None),
    ],
)
def test_masks_of_classes_are_not_taken_for_numbered_objects(opened, masks, classes):
    found = opened(*map(counted, masks), classes=classes)
    assert not any("numbered" in one.text for one in found.remarks)


DRAWN = THREE == 2


def inverted_doubts(dataset):
    return [one.text for one in dataset.remarks if one.doubt and "lowest value is white" in one.text]


@pytest.mark.parametrize("colours", [None, "back:0,0,0\nfront:255,255,255\n"])
def test_masks_that_tifffile_wrote_of_booleans_are_a_doubt_with_their_number(opened, tmp_path, colours):
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, DRAWN)
    assert (tifffile.imread(tmp_path / "a.tif") == DRAWN).all()
    written = [(tmp_path / name).read_bytes() for name in ("a.tif", "b.tif")]
    dataset = opened(*written, png(255 * DRAWN.astype(np.uint8)), classes=colours)
    np.testing.assert_array_equal(labels_of(dataset), [~DRAWN, ~DRAWN, DRAWN])
    (doubt,) = inverted_doubts(dataset)
    assert doubt.startswith("2 of 3 masks are TIFFs whose lowest value is white (MinIsWhite")


@pytest.mark.parametrize("kind", [bool, np.uint8])
def test_masks_with_the_remedy_of_the_doubt_are_read_as_they_were_drawn(opened, tmp_path, kind):
    values = DRAWN if kind is bool else DRAWN.astype(np.uint8) * 255
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    dataset = opened((tmp_path / "a.tif").read_bytes())
    np.testing.assert_array_equal(labels_of(dataset), [DRAWN])
    assert not inverted_doubts(dataset)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_numbers_of_more_bits_whose_lowest_is_white_are_a_doubt_too(opened, tmp_path, kind):
    tifffile.imwrite(tmp_path / "a.tif", ~THREE.astype(kind), photometric="miniswhite")
    dataset = opened((tmp_path / "a.tif").read_bytes())
    np.testing.assert_array_equal(labels_of(dataset), [THREE])
    (doubt,) = inverted_doubts(dataset)
    assert doubt.startswith("The mask is a TIFF whose lowest value is white")


def test_pages_of_a_stack_of_booleans_are_counted_each(opened, tmp_path):
    pages = np.stack([DRAWN, ~DRAWN, DRAWN])
    for name, stack in (("images", 255 * pages.astype(np.uint8)), ("masks", pages)):
        (tmp_path / name).mkdir()
        options = {} if name == "masks" else {"photometric": "minisblack"}
        tifffile.imwrite(tmp_path / name / "a.tif", stack, **options)
    (doubt,) = inverted_doubts(opened())
    assert doubt.startswith("3 of 3 masks")


def test_grey_of_one_bit_without_the_tag_of_what_is_white_is_inverted_and_a_doubt(opened, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", DRAWN)
    whole = (tmp_path / "a.tif").read_bytes()
    entry = struct.pack("<HHIHH", 262, 3, 1, 0, 0)
    assert whole.count(entry) == 1
    # A private tag in its place; tags need not be in order for Pillow.
    dataset = opened(whole.replace(entry, struct.pack("<HHIHH", 65000, 3, 1, 0, 0)))
    np.testing.assert_array_equal(labels_of(dataset), [~DRAWN])
    assert len(inverted_doubts(dataset)) == 1
