"""Listing of people's folders: by suffix in any case, without hidden files, sorted, and by stem where files match."""

from tfapp.data.images import IMAGE_SUFFIXES
from tfapp.errors import InputError


def visible_files(folder, suffixes=IMAGE_SUFFIXES):
    """Return the files of a folder with one of these suffixes, in any case, sorted; none if there is no such folder.

    Hidden files are left out: macOS writes `._NAME.png` beside `NAME.png`, which is no image.
    """
    return sorted(path for path in _visible(folder) if path.suffix.lower() in suffixes)


def visible_folders(folder):
    """Return the folders in a folder, sorted, without hidden ones; none if there is no such folder."""
    return sorted(path for path in _visible(folder) if path.is_dir())


def image_files(folder):
    """Return the images of a folder, as `visible_files`.

    Raises:
        InputError: If there is none.
    """
    files = visible_files(folder)
    if not files:
        raise InputError(f"Folder {folder} has no images; expected {', '.join(IMAGE_SUFFIXES)} files.")
    return files


def by_stem(files, fault="have the same name; rename or remove one of them"):
    """Return the files by their stems, in their order.

    Args:
        files: Paths.
        fault: What to say of two files of one stem; `{stem}` stands for it.

    Raises:
        InputError: If two files have one stem.
    """
    found = {}
    for file in files:
        if file.stem in found:
            raise InputError(f"{found[file.stem]} and {file} {fault.format(stem=file.stem)}.")
        found[file.stem] = file
    return found


def _visible(folder):
    return [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
