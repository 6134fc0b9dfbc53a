"""Reader of boxes in COCO's JSON files."""

import json
from pathlib import Path

from tfapp.data.boxed import (
    BoxedImage,
    BoxedImages,
    BoxedSet,
    Boxes,
    Faults,
    check_boxed,
    four_numbers,
    known_size,
)
from tfapp.data.listing import NamedFiles
from tfapp.data.tags import case_remarks
from tfapp.errors import InputError
from tfapp.files import check_regular_file
from tfapp.records import SHORTENED

_KINDS = {
    "images": ("id", "file_name"),
    "annotations": ("image_id", "category_id", "bbox"),
    "categories": ("id", "name"),
}
# Where the official layout and the tools of others have what is trained on and what is tested on.
_TRAIN, _TEST = (
    ("train", "instances_train", "trainval"),
    ("test", "val", "valid", "instances_val", "instances_test"),
)


def coco(path, spec, train=None, test=None):
    """Read boxes in JSON files of COCO's form.

    Args:
        path: Folder whose `annotations/`, or which itself, has the JSON files: `instances_train*.json` and
            `instances_val*.json`, or `train.json` and `test.json` (or `val.json`), or one file for all. The images are
            where `file_name` says, in the folder itself or in any folder directly in it.
        spec: What names the dataset.
        train, test: Names of the JSON files, with or without `.json`.

    Raises:
        InputError: For a folder without such files, a file of another form, an image that is missing, or a split
            without boxes. Both files must have the same categories.
    """
    path = Path(path)
    files = _files(path, train, test)
    contents = [_content(file) for file in files]
    categories = [_categories(content, file) for content, file in zip(contents, files, strict=True)]
    if categories[0] != categories[-1]:
        raise InputError(f"{files[0]} and {files[-1]} have other categories; give both files the same.")
    class_names = [name for _, name in sorted(categories[0].items())]
    faults = Faults()
    splits = [
        _images(path, content, file, categories[0], faults)
        for content, file in zip(contents, files, strict=True)
    ]
    check_boxed(spec, **dict(zip(("training", "testing"), splits, strict=False)))
    train_images, test_images = (*splits, None)[:2]
    remarks = faults.remarks() + tuple(case_remarks(spec, class_names))
    return BoxedSet(spec, tuple(class_names), train_images, test_images, remarks)


def _files(path, train, test):
    folders = [folder for folder in (path / "annotations", path) if folder.is_dir()]
    found = [file for folder in folders for file in sorted(folder.glob("*.json"))]
    if not found:
        raise InputError(f"{path} has no JSON files, nor has its folder annotations; expected those of COCO.")
    chosen = [
        _named(found, name, path) if name else _usual(found, usual)
        for name, usual in ((train, _TRAIN), (test, _TEST))
    ]
    if chosen[0] is None and chosen[1] is None and len(found) == 1:
        return found
    if chosen[0] is None:
        names = ", ".join(file.name for file in found)
        raise InputError(
            f"{path} has {names}, and which of them is for training is not said; name it, as in "
            f"'coco:PATH?train={found[0].stem}'."
        )
    return [file for file in chosen if file is not None]


def _named(files, name, path):
    for file in files:
        if name in (file.name, file.stem):
            return file
    raise InputError(f"{path} has no {name}; it has {', '.join(file.name for file in files)}.")


def _usual(files, names):
    return next((file for name in names for file in files if file.stem.startswith(name)), None)


def _content(file):
    check_regular_file(file, "annotations")
    try:
        content = json.loads(file.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is no JSON ({error}); restore the annotations.") from None
    if not isinstance(content, dict) or not all(isinstance(content.get(kind), list) for kind in _KINDS):
        raise InputError(f"{file} is not of COCO's form; expected an object with lists {', '.join(_KINDS)}.")
    for kind, names in _KINDS.items():
        for number, entry in enumerate(content[kind], 1):
            if not isinstance(entry, dict) or not all(name in entry for name in names):
                raise InputError(f"Entry {number} of {kind} of {file} lacks one of: {', '.join(names)}.")
            for name in names:
                _check_value(entry[name], name, f"Entry {number} of {kind} of {file}")
            if entry.get("iscrowd", 0) not in (0, 1):
                raise InputError(
                    f"Entry {number} of {kind} of {file} has iscrowd {entry['iscrowd']!r}; expected 0 or 1."
                )
    return content


def _check_value(value, name, place):
    """Raise InputError for an entry of another type than COCO's."""
    if name in ("name", "file_name"):
        right, wanted = isinstance(value, str) and bool(value.strip()), "a text"
    elif name == "bbox":
        right, wanted = isinstance(value, list), "a list of four numbers, x, y, width and height"
    else:
        right, wanted = isinstance(value, (int, str)) and not isinstance(value, bool), "a number"
    if not right:
        raise InputError(f"{place} has {name} {SHORTENED.repr(value)}; expected {wanted}.")


def _categories(content, file):
    names = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
    if len(set(names.values())) < len(content["categories"]) or not names:
        raise InputError(f"{file} has no categories, or two with one id or name; expected each once.")
    if not all(isinstance(one, int) for one in names):
        raise InputError(f"{file} has a category whose id is no integer.")
    return names


def _images(path, content, file, categories, faults):
    labels = {one: index for index, one in enumerate(sorted(categories))}
    rows = {entry["id"]: [] for entry in content["images"]}
    if len(rows) < len(content["images"]):
        raise InputError(f"{file} has two images of one id; give each its own.")
    for number, entry in enumerate(content["annotations"], 1):
        for name, known, kind in (("image_id", rows, "images"), ("category_id", labels, "categories")):
            if entry[name] not in known:
                raise InputError(
                    f"Annotation {number} of {file} has {name} {entry[name]!r}, which none of the {kind} of the file "
                    "has; add it there, or remove the annotation."
                )
        rows[entry["image_id"]].append((number, _corners(entry["bbox"], number, file), entry))
    named = [NamedFiles(folder) for folder in (path, *sorted(one for one in path.iterdir() if one.is_dir()))]
    images = []
    for entry in content["images"]:
        image = _image_file(named, str(entry["file_name"]), file)
        size = known_size(image, [_side(entry.get(name)) for name in ("height", "width")], faults)
        own = []
        for number, corners, annotation in rows[entry["id"]]:
            cut = faults.inside(corners, size, f"annotation {number} of {file.name}")
            if cut is not None:
                # A crowd is one box around many: it counts neither when it is found nor when it is not.
                own.append((cut, labels[annotation["category_id"]], bool(annotation.get("iscrowd"))))
        images.append(BoxedImage(str(entry["file_name"]), image, size, Boxes.of(own)))
    return BoxedImages(tuple(images))


def _side(value):
    is_side = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9
    return value if is_side else 0


def _corners(box, number, file):
    try:
        x, y, width, height = four_numbers(box)
    except ValueError:
        raise InputError(
            f"Annotation {number} of {file} has bbox {box!r}; expected four numbers, x, y, width and height."
        ) from None
    return y, x, y + height, x + width


def _image_file(named, name, file):
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise InputError(f"{file} names the image {name}, outside of its folder; expected a path within it.")
    for folder in named:
        found = folder.path(Path(name))
        if found.is_file():
            return found
    raise InputError(f"{file} names the image {name}, which is not there; restore it.")
