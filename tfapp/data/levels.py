"""Levels of pyramids: a picture with smaller copies of itself, as microscopes and slide scanners write them.

Which pictures of a TIFF are levels is said in `tfapp.data.pyramids`. The formats of slide scanners are opened by
OpenSlide.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tfapp.data.images import image_size
from tfapp.data.pyramids import pyramids_of
from tfapp.data.slides import SLIDE_SUFFIXES, Slide, interpolation_sentence, slide_levels
from tfapp.data.stacks import TIFF_SUFFIXES, Page, pages_of
from tfapp.data.tiff_page import TiffPage
from tfapp.errors import InputError


@dataclass(frozen=True)
class Level(TiffPage):
    """A picture with smaller copies in a TIFF, or one of them; it can be given wherever the path of an image is read.

    Attributes:
        level: Which level, from 0, which is the picture itself.
        sizes: (height, width) of every level.
        page: The `Page` of a stack that it is a copy of; None where there is no other.
    """

    level: int
    sizes: tuple[tuple[int, int], ...]
    page: Page | None = None

    @property
    def stem(self):
        return (self.page or self.file).stem

    def __str__(self):
        return f"{self.page or self.file} (level {self.level})"


def at_level(path, level):
    """Return what is read of an image file at a level of its pyramids, a tuple.

    Args:
        path: The file.
        level: 0 for the whole resolution, or the number of a smaller copy, from the largest to the smallest; None for 0
            where a file says by itself that it has levels.

    Returns:
        A `Slide`; or a `Level` of each page of a TIFF; or what `pages_of` returns, of a file without levels.

    Raises:
        InputError: There is no such level, which is told with the sizes of those there are; a slide cannot be opened;
            as of `pages_of`.
    """
    path = Path(path)
    if path.suffix.lower() in SLIDE_SUFFIXES:
        slides = slide_levels(path)
        _check_level(path, level or 0, slides[0].sizes)
        return (slides[level or 0],)
    pyramids = [] if level is None or path.suffix.lower() not in TIFF_SUFFIXES else pyramids_of(path)
    if not level and all(len(levels) == 1 for levels in pyramids):
        return pages_of(path)
    if not pyramids:
        _check_level(path, level, [image_size(path)])
    # By the first: of a pyramid whose copies nothing marks each is a page.
    pages = (
        {page.offset: page for page in pages_of(path) if isinstance(page, Page)} if len(pyramids) > 1 else {}
    )
    found = []
    for levels in pyramids:
        page, sizes = pages.get(levels[0].picture.offset), tuple(one.size for one in levels)
        _check_level(page or path, level, sizes)
        picture = levels[level].picture
        found.append(Level(path, picture.offset, level, sizes, page, orientation=picture.orientation))
    return tuple(found)


def levels_sentences(images):
    """Return sentences on which level of which size is read of these images, and on what OpenSlide does to it.

    Args:
        images: What `at_level` returned of several files; those that are no levels are passed over.
    """
    alike, interpolated = defaultdict(list), []
    for image in images:
        if isinstance(image, Level | Slide):
            alike[image.level, image.sizes].append(image)
        if isinstance(image, Slide):
            interpolated.append(interpolation_sentence(image))
    return [*(_levels_sentence(*one, like) for one, like in alike.items()), *filter(None, interpolated)]


def _levels_sentence(level, sizes, images):
    (whole_height, whole_width), (height, width) = sizes[0], sizes[level]
    names = str(getattr(images[0], "page", None) or images[0].file)
    if len(images) > 1:
        names += f" and {len(images) - 1} {'other' if len(images) == 2 else 'others'}"
    # The sides of whole fractions are rounded.
    factor = (whole_height / height * whole_width / width) ** 0.5
    whole = round(factor)
    if all(abs(one - whole * side) < whole for one, side in zip(sizes[0], sizes[level], strict=True)):
        factor = whole
    of = f", 1/{factor:.4g} of {whole_width}x{whole_height}" if level else ""
    return f"{names}: level {level} of {len(sizes)}: {width}x{height}{of}."


def _check_level(path, level, sizes):
    if level >= len(sizes):
        there_are = ", ".join(f"{number} ({width}x{height})" for number, (height, width) in enumerate(sizes))
        raise InputError(f"{path} has no `level` {level}; it has {there_are}.")
