"""Facts of image files by header and by value, and what they say of a whole dataset: the use of the range of numbers.

A reader sees one image, which may be dark. That 16-bit files hold the 12 bits of a camera, or 32-bit ones the 8 bits of
a picture, shows in all of them together.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfapp.data.collecting import not_collecting
from tfapp.data.dataset import Dataset, Remark
from tfapp.data.images import DEEP_MODES, DEEPEST, stored_bits
from tfapp.data.listing import beside_notice, nested_notice, skipped_notice
from tfapp.data.opening import FORMATS, decode, open_image, upright_size
from tfapp.data.read_ahead import read_ahead, threads_for
from tfapp.data.repeated_images import repeated_notices
from tfapp.data.tiff_page import TiffPage
from tfapp.errors import InputError

# What 8 and 12 bits reach to: cameras for microscopes and machines often have 12.
_EIGHT_BITS, _TWELVE_BITS = 255, 4095
_MAYBE_DEEP = {
    suffix
    for _, name, suffixes in FORMATS
    if name in ("PNG", "TIFF", "PPM", "JPEG2000")
    for suffix in suffixes
}


@dataclass(frozen=True)
class ImageFacts:
    """What one image file is.

    Attributes:
        path: The file, or the `TiffPage` of one.
        format: Pillow's name of its format, such as `PNG`.
        mode: Pillow's name of its pixels, such as `RGB` or `I;16`.
        size: (height, width), turned as EXIF says.
        bits: Bits of a channel in the file: 1, 8, 16 or 32.
        lowest, highest: Its values as they are stored; of colours with more than 8 bits, of which the upper 8 are read,
            as near as that tells. None where the values were not looked at.
    """

    path: Path | TiffPage
    format: str
    mode: str
    size: tuple[int, int]
    bits: int
    lowest: float | None = None
    highest: float | None = None

    @property
    def deep(self):
        """Whether it holds whole numbers of more than 8 bits."""
        return self.bits > 8 and self.mode != "F"


def image_facts(path, values=None):
    """Return the `ImageFacts` of a file.

    Args:
        path: The file.
        values: Whether to decode the pixels and look at their values; None to do so only where there are more than 8
            bits, which is all that `range_notices` needs and costs a header for all other files.

    Raises:
        InputError: As `open_image`.
    """
    with open_image(path, load=False) as image:
        bits = stored_bits(image)
        header = (path, image.format, image.mode, upright_size(path, image), bits)
        if not (bits > 8 if values is None else values):
            return ImageFacts(*header)
        decode(path, image)
        stored = np.asarray(image)
        lowest, highest = stored.min().item(), stored.max().item()
        if bits > 8 and image.mode not in (*DEEP_MODES, "F"):
            lowest, highest = lowest << 8, highest << 8 | 255
    return ImageFacts(*header, lowest, highest)


def remarks_on(data, *, splits=True):
    """Return the `Remark`s on a dataset of any kind: those of its reader, and `image_notices`, which are doubts."""
    with not_collecting():
        return [*data.remarks, *map(Remark, image_notices(data, splits=splits))]


def image_notices(data, *, splits=True):
    """Return sentences on the image files of a dataset that a person should know before training, none if all is well.

    They are those of `range_notices` and of `repeated_notices`, and where the folders are a person's own, one on the
    files that are skipped because of their suffix, one on those in folders within and one on those beside folders of
    classes.

    Args:
        data: `Dataset`, `ClassificationSet` or `MultiLabelSet`.
        splits: As of `repeated_notices`.
    """
    threads, repeated = 1, []
    if isinstance(data, Dataset):
        threads = threads_for(data.largest)
        # Of most the reader of the dataset knows that 8 bits are all they have.
        images = [item.files[0] for item in data.items if item.files and (item.bits or 16) > 8]
        folders = {file.parent for item in data.items for file in item.files}
    else:
        images = [content for split in data.splits for content in split.contents if isinstance(content, Path)]
        folders = {file.parent for file in images}
        repeated = repeated_notices(data, splits=splits)
    # Official layouts come with files of their own that are no images; `labels.csv` names its images itself.
    own = data.spec.startswith(("folder:", "folders:", "imagenet:"))
    kinds = [skipped_notice, nested_notice] if own else []
    if data.spec.startswith(("folders:", "imagenet:")):
        kinds.append(beside_notice)
    left_out = [tell(*sorted(folders)) for tell in kinds]
    return range_notices(range_facts(images, threads)) + repeated + [notice for notice in left_out if notice]


def range_facts(paths, threads=1):
    """Return an iterator of the facts that `range_notices` takes, of the images that can be read.

    Files whose suffix is that of a format with 8 bits are not opened, so that folders of photographs cost nothing.

    Args:
        paths: Files of images, without masks and depth: those may well use a small part of their range.
        threads: Files that are read at a time.
    """
    deep = (path for path in paths if path.suffix.lower() in _MAYBE_DEEP)
    found = read_ahead(_facts_or_none, deep, threads)
    return (facts for facts in found if facts is not None)


def _facts_or_none(path):
    try:
        return image_facts(path)
    except InputError:  # Told where it is read.
        return None


def range_notices(facts: Iterable[ImageFacts]):
    """Return sentences on images that use a small part of the range that their files have, none if all is well.

    They are read all the same, 0..65535 as 0..1: what is meant only a person can say.

    Args:
        facts: `ImageFacts` of the images of one dataset or command, as `range_facts` gives them.
    """
    deep = [one for one in facts if one.deep and one.highest is not None]
    # A picture that is all black tells nothing.
    eight = [one for one in deep if 0 < one.highest <= _EIGHT_BITS]
    twelve = [one for one in deep if _EIGHT_BITS < one.highest <= _TWELVE_BITS]
    return [
        *_notice(eight, len(deep), _EIGHT_BITS, "If they hold 8 bits, save them with 8 bits"),
        *_notice(
            twelve, len(deep), _TWELVE_BITS, "If their camera gives 12 bits, save the values multiplied by 16"
        ),
    ]


def _notice(found, total, bound, remedy):
    if not found:
        return []
    brightest = max(found, key=lambda one: one.highest)
    return [
        f"{len(found)} of {total} image(s) with more than 8 bits hold no value above {bound} (the brightest is "
        f"{brightest.path} with {brightest.highest:g}). They are read as 0..{DEEPEST} = 0..1, so a network sees at "
        f"most {brightest.highest / DEEPEST:.2g}. {remedy}; if they are dark pictures, leave them."
    ]
