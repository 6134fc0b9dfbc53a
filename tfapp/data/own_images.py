"""People's own images: which files are meant, what is to be said of them, and one after another through a command."""

import errno
import os
from collections import Counter
from pathlib import Path

from tfapp.data.image_facts import range_facts, range_notices
from tfapp.data.images import IMAGE_SUFFIXES
from tfapp.data.levels import at_level, levels_sentences
from tfapp.data.listing import image_files, nested_notice, skipped_notice
from tfapp.data.slides import SLIDE_SUFFIXES
from tfapp.data.stacks import expanded, stacks_sentence
from tfapp.errors import InputError
from tfapp.files import check_regular_file
from tfapp.packed import check_unpacked


def find_images(paths, level=None, slides=True):
    """Return the images among `paths`, folders and the pages of stacks expanded, in order.

    They are paths, `Page`s of stacks, `Level`s of pyramids and `Slide`s.

    Args:
        paths: Files, and folders of them.
        level: As of `tfapp.data.levels.at_level`.
        slides: Whether whole-slide images, and levels, are among what is meant.

    Raises:
        InputError: For a path that does not exist, an archive, a folder without images, a stack of channels, a level
            that an image does not have, or two images whose predictions would get the same file name.
    """
    found, suffixes = [], _suffixes(slides)
    for path in map(Path, paths):
        if path.is_dir():
            found += image_files(path, suffixes)
        elif path.exists():
            check_regular_file(path, "an image")
            if path.suffix.lower() not in suffixes:
                check_unpacked(path, "the folder of images")
            found.append(path)
        else:
            raise InputError(f"{path} does not exist; expected image files or folders of images.")
    if slides:
        found = [one for path in found for one in at_level(path, level)]
    else:
        found = expanded(found)
    stems = Counter(path.stem for path in found)
    doubled = next((path for path in found if stems[path.stem] > 1), None)
    if doubled:
        raise InputError(
            f"Two images are called {doubled.stem!r}; predict them into different `out` folders."
        )
    return found


def _suffixes(slides):
    return (*IMAGE_SUFFIXES, *SLIDE_SUFFIXES) if slides else IMAGE_SUFFIXES


def found_notices(paths, used, slides=True):
    """Return sentences on what `find_images` left out or took apart, and on the values of the images that are used.

    Args:
        paths, slides: As of `find_images`.
        used: Those of the images that could be read.
    """
    folders, suffixes = [path for path in map(Path, paths) if path.is_dir()], _suffixes(slides)
    found = [
        stacks_sentence(used),
        *levels_sentences(used),
        skipped_notice(*folders, suffixes=suffixes),
        nested_notice(*folders, suffixes=suffixes),
    ]
    return [*filter(None, found), *range_notices(range_facts(used))]


def each_image(make, images, failures, advance):
    """Make what is to be made of every image, one after the other; those that cannot be used become failures.

    Args:
        make: Function of the path of an image and the files that are made of it.
        images: Pairs of both.
        failures: List that (path, sentence) of images is put to that cannot be used; None to raise at the first.
        advance: Function without arguments, called after each image.
    """
    for path, files in images:
        try:
            _refuse_long_names(path, files)
            make(path, files)
        except InputError as error:
            if failures is None:
                raise
            failures.append((path, str(error)))
        advance()


def _refuse_long_names(path, files):
    """Raise InputError before the first file of an image is written, if the disk does not take the name of another."""
    for file in files:
        # The folder may not be there yet.
        folder = next(place for place in file.absolute().parents if place.is_dir())
        try:
            os.lstat(folder / file.name)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise InputError(
                    f"The name of image {path} is too long for that of {file.name}, which is made of it; shorten it."
                ) from None
