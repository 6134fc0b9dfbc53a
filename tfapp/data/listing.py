"""Listing of people's folders: by suffix in any case, without hidden files, sorted, and by stem where files match.

This is the one rule for all folders of people: what is hidden or belongs to a system is not there, what has another
suffix is skipped and can be told (`skipped_notice`), and a name is the same however its accents are stored.
"""

import os
import unicodedata
from collections import Counter
from pathlib import Path

from tfapp.data.opening import IMAGE_SUFFIXES
from tfapp.errors import InputError

# What Windows, macOS and network drives leave in folders, beside the names with a dot.
_OF_SYSTEMS = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "icon\r"}
# More names of folders in a message tell nothing.
_NAMED = 4


def visible_files(folder, suffixes=IMAGE_SUFFIXES):
    """Return the files of a folder with one of these suffixes, in any case, sorted; none if there is no such folder.

    Hidden files are left out: macOS writes `._NAME.png` beside `NAME.png`, which is no image.
    """
    return _by_name(path for path in visible(folder) if path.suffix.lower() in suffixes)


def visible_folders(folder):
    """Return the folders in a folder, sorted, without hidden ones; none if there is no such folder."""
    return _by_name(path for path in visible(folder) if path.is_dir())


def image_files(folder, suffixes=IMAGE_SUFFIXES):
    """Return the images of a folder, as `visible_files`.

    Raises:
        InputError: If there is none.
    """
    files = visible_files(folder, suffixes)
    if not files:
        expected = f"expected {', '.join(suffixes)} files"
        below = [one.name for one in visible_folders(folder) if visible_files(one, suffixes)]
        if below:
            named = ", ".join([*below[:_NAMED], *["..."] * (len(below) > _NAMED)])
            raise InputError(
                f"Folder {folder} has no images; {expected} directly in it, not in folders below it, where there are "
                f"some: {named}."
            )
        raise InputError(f"Folder {folder} has no images; {expected}.")
    return files


def skipped_files(folder, suffixes=IMAGE_SUFFIXES):
    """Return the files that `visible_files` leaves out because of their suffix, sorted."""
    return _by_name(
        path for path in visible(folder) if path.suffix.lower() not in suffixes and not path.is_dir()
    )


def skipped_notice(*folders, suffixes=IMAGE_SUFFIXES):
    """Return a sentence that counts the `skipped_files` of all these folders by suffix, or None if there is none."""
    skipped = [file for folder in folders for file in skipped_files(folder, suffixes)]
    if not skipped:
        return None
    kinds = Counter(path.suffix.lower() or "without suffix" for path in skipped)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    places = len({path.parent for path in skipped})
    others = f" and {places - 1} other folder(s)" if places > 1 else ""
    return (
        f"{len(skipped)} file(s) in {skipped[0].parent}{others} are skipped ({counts}); what is read is "
        f"{', '.join(suffixes)}."
    )


def nested_notice(*folders, suffixes=IMAGE_SUFFIXES):
    """Return a sentence that counts the files in folders within these, which are not read, or None if there is none.

    Hidden folders do not count, and what is behind a link to a folder only where it stands directly in it.
    """
    read = {Path(folder) for folder in folders}
    nested = [
        file
        for folder in folders
        for place in _within(folder)
        if place not in read
        for file in visible_files(place, suffixes)
    ]
    if not nested:
        return None
    places = len({path.parent for path in nested})
    return (
        f"{len(nested)} file(s) in {places} folder(s) within {' and '.join(map(str, folders[:2]))}"
        f"{' and others' if len(folders) > 2 else ''} are left out, the first is {min(nested)}; what counts stands "
        "directly in the folder: move them there."
    )


def beside_notice(*folders, suffixes=IMAGE_SUFFIXES):
    """Return a sentence that counts the files beside these folders of classes, which have none, or None."""
    read = {Path(folder) for folder in folders}
    places = sorted({folder.parent for folder in read} - read)
    # Not beside `val/` of images in no folders, whose classes a list tells.
    places = [place for place in places if not any(place in other.parents for other in places)]
    beside = [file for place in places for file in visible_files(place, suffixes)]
    if not beside:
        return None
    return (
        f"{len(beside)} image(s) beside the folders of classes in {' and '.join(map(str, places))} are left out, the "
        f"first is {beside[0]}; what counts stands in the folder of its class: move them there."
    )


def alone_notice(alone, partner):
    """Return a sentence on files that are left out for want of a partner, or None if there is none.

    Args:
        alone: Paths.
        partner: What each of them lacks, such as "image".
    """
    if not alone:
        return None
    names = ", ".join(path.name for path in alone[:4]) + (
        f" and {len(alone) - 4} more" if len(alone) > 4 else ""
    )
    return f"{len(alone)} file(s) in {alone[0].parent} are left out, as there is no {partner} of their name: {names}."


def by_stem(files, fault="have the same name; rename or remove one of them"):
    """Return the files by their stems, in their order.

    The stems are in Unicode's composed form (NFC), so that they meet whatever form a file system or an archive gave
    them: macOS stores an accent apart from its letter.

    Args:
        files: Paths.
        fault: What to say of two files of one stem; `{stem}` stands for it.

    Raises:
        InputError: If two files have one stem.
    """
    found = {}
    for file in files:
        stem = unicodedata.normalize("NFC", file.stem)
        if stem in found:
            raise InputError(f"{found[stem]} and {file} {fault.format(stem=stem)}.")
        found[stem] = file
    return found


class NamedFiles:
    """Paths in a folder by the names that a person's table or list has for them, however either stores an accent.

    A path that is there as it is written is that one. Otherwise each folder on the way is listed once, and its names
    are compared in Unicode's composed form (NFC).

    Args:
        folder: `Path` that the names start from.
    """

    def __init__(self, folder):
        self._folder, self._listed = Path(folder), {}

    def path(self, name):
        """Return the path that a name means; one that is not there stays as it is written.

        Args:
            name: Relative path, with any number of folders.
        """
        written = self._folder / name
        if written.exists():
            return written
        place = self._folder
        for part in Path(name).parts:
            direct = place / part
            place = direct if direct.exists() else self._names(place).get(unicodedata.normalize("NFC", part))
            if place is None:
                return written
        return place

    def _names(self, folder):
        if folder not in self._listed:
            found = sorted(folder.iterdir()) if folder.is_dir() else ()
            self._listed[folder] = {unicodedata.normalize("NFC", path.name): path for path in found}
        return self._listed[folder]


def visible(folder):
    """Return all that is in a folder but what is hidden or belongs to a system; nothing if there is no such folder.

    Raises:
        InputError: If the folder cannot be read.
    """
    try:
        return [path for path in folder.iterdir() if not _hidden(path.name)] if folder.is_dir() else []
    except OSError as error:
        raise InputError(f"Folder {folder} cannot be read: {error.strerror}.") from None


def _by_name(paths):
    # Paths of one folder have the order of their names, which are compared in a tenth of the time.
    return sorted(paths, key=lambda path: path.name)


def _within(folder):
    """Yield the folders in a folder at any depth, without hidden ones; links to folders are not followed."""
    for place, names, _ in os.walk(folder):
        names[:] = sorted(name for name in names if not _hidden(name))
        yield from (Path(place) / name for name in names)


def _hidden(name):
    return name.startswith(".") or name.lower() in _OF_SYSTEMS
