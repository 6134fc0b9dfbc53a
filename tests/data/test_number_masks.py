import numpy as np
import pytest
from PIL import Image

from tfapp.data.number_masks import NumberMasks
from tfapp.errors import InputError

NUMBERS = [np.array([[0, 3], [5, 5]], np.uint8), np.array([[5, 0], [0, 0]], np.uint8)]
COLOURS = {0: (128, 128, 128), 3: (60, 40, 222), 5: (0, 0, 192)}


@pytest.fixture
def read(tmp_path):
    """Return a function that writes palette masks, (indices, colours) each, and reads them as those of a dataset."""

    def read(*pictures):
        masks = NumberMasks(highest=11)
        for place, (indices, colours) in enumerate(pictures):
            mask = Image.fromarray(indices, mode="P")
            mask.putpalette(bytes(np.array(colours, np.uint8).ravel()))
            mask.save(tmp_path / f"{place}.png")
        return [masks.read(tmp_path / f"{place}.png").tolist() for place in range(len(pictures))]

    return read


def own_palette(numbers, colour_of):
    """Return a picture with a palette of the colours that occur in it alone, as saving with few colours makes it."""
    values, indices = np.unique(numbers, return_inverse=True)
    return indices.reshape(numbers.shape).astype(np.uint8), [colour_of(value) for value in values]


def test_grey_levels_of_palettes_made_file_by_file_are_the_numbers(read):
    pictures = [own_palette(numbers, lambda value: (value, value, value)) for numbers in NUMBERS]
    assert pictures[0][0].tolist() == [[0, 1], [2, 2]]
    assert read(*pictures) == [numbers.tolist() for numbers in NUMBERS]


def test_index_is_the_number_where_one_palette_colours_all(read):
    palette = [COLOURS.get(value, (value, 0, 9)) for value in range(12)]
    assert read(*((numbers, palette) for numbers in NUMBERS)) == [numbers.tolist() for numbers in NUMBERS]


def test_black_palettes_say_nothing(read):
    assert read((NUMBERS[0], [(0, 0, 0)] * 12)) == [NUMBERS[0].tolist()]
    assert read((np.full((2, 2), 5, np.uint8), [(0, 0, 0)] * 12)) == [[[5, 5], [5, 5]]]


def test_palettes_of_colours_that_disagree_are_refused_with_both_files(read):
    with pytest.raises(
        InputError, match=r"masks .*0.png and .*1.png disagree.*; restore the published grey pictures"
    ):
        read(*(own_palette(numbers, lambda value: COLOURS[int(value)]) for numbers in NUMBERS))
