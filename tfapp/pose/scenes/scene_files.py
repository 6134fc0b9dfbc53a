"""Which files a folder of scenes has, and whether one is missing."""

from tfapp.errors import InputError

_BESIDE_DEPTH = {"mask": ".png", "truth/labels": ".png", "truth/poses": ".json"}


def scene_files(folder, suffixes):
    """Return the files of a folder by stem, sorted.

    Raises:
        InputError: The folder is missing or empty, or two files have one stem.
    """
    files = sorted(
        file
        for file in (folder.iterdir() if folder.is_dir() else ())
        if file.suffix.lower() in suffixes and not file.name.startswith(".")
    )
    if not files:
        raise InputError(f"{folder} has no depth images; expected {', '.join(suffixes)} files.")
    by_stem = {}
    for file in files:
        if file.stem in by_stem:
            raise InputError(
                f"{by_stem[file.stem]} and {file} are both scene {file.stem}; remove one of them."
            )
        by_stem[file.stem] = file
    return by_stem


def check_whole(path, stems, record) -> None:
    """Raise InputError, which names the first missing file, if a scene lacks what others have or was never made.

    Args:
        path: The folder of scenes.
        stems: Names of the depth images.
        record: Content of `scenes.json`, or None.
    """
    missing = [
        f"{folder}/{stem}{suffix}"
        for folder, suffix in _BESIDE_DEPTH.items()
        if (path / folder).is_dir()
        for stem in stems
        if not (path / folder / f"{stem}{suffix}").is_file()
    ]
    if missing:
        raise InputError(
            f"{path} is cut short: {missing[0]} is missing{_and_others(len(missing) - 1)}; {_remedy(record)}"
        )
    if record and len(stems) < record["count"]:
        raise InputError(
            f"{path} is cut short: it holds {len(stems)} of {record['count']} scenes; {_remedy(record)}"
        )


def _and_others(count):
    return f" (and {count} more)" if count else ""


def _remedy(record):
    return (
        "run the same `tfapp pose simulate` again to go on." if record else "restore it, or remove its scene."
    )
