"""Reader of boxes in PASCAL VOC's XML files: the official years, and anybody's own folder."""

from pathlib import Path

from tfapp.data.boxed import BoxedImage, BoxedImages, BoxedSet, Boxes, Faults, check_boxed, known_size
from tfapp.data.class_files import read_class_list
from tfapp.data.listing import NamedFiles, by_stem, visible_files
from tfapp.data.readers.voc import CLASS_NAMES, MAIN, listed_file, listed_images, voc_root
from tfapp.data.readers.voc_annotation import annotated_size, annotation_root, objects_of
from tfapp.data.tags import case_remarks
from tfapp.errors import InputError

_LAYOUT = "JPEGImages and Annotations"
_LISTS = (("trainval", "test"), ("train", "test"), ("train", "val"))


def voc2007(path, spec, train=None, test=None):
    """Read the boxes of PASCAL VOC 2007: `trainval` and `test`, or where these are missing `train` and `test` or `val`.

    Args:
        path: The folder `VOC2007`, `VOCdevkit` above it, or the folder above that.
        spec: What names the dataset.
        train, test: Names of other lists of `ImageSets/Main`, without `.txt`. Where none of the usual lists is there,
            `train` alone is enough: nothing then says which of its images are for testing.

    Raises:
        InputError: For a folder of another layout, lists that share images, or files that are missing or malformed.
    """
    return _official(path, spec, "VOC2007", train, test)


def voc2012(path, spec, train=None, test=None):
    """Read the boxes of PASCAL VOC 2012, whose test boxes were never published: `train` and `val`; as `voc2007`."""
    return _official(path, spec, "VOC2012", train, test)


def _official(path, spec, year, train, test):
    root = voc_root(Path(path), year, MAIN, _LAYOUT)
    lists = _lists_of(root, spec, train, test)
    if not lists:
        found = [file.stem for file in visible_files(root / MAIN, (".txt",))]
        there = f"it has {', '.join(found)}" if found else "it has none"
        raise InputError(
            f"{root / MAIN} has neither of the lists {' nor '.join(' and '.join(pair) for pair in _LISTS)}; {there}. "
            f"Name one, as in '{year.lower()}:PATH?train=LIST', of which a share is tested on, or two, as in "
            f"'{year.lower()}:PATH?train=LIST&test=LIST'."
        )
    return _by_lists(root, spec, lists, CLASS_NAMES)


def voc_boxes(path, spec, train=None, test=None):
    """Read boxes in XML files of PASCAL VOC's form, of any classes.

    Args:
        path: Folder with `JPEGImages/` and `Annotations/`, or with images and XML files of the same names beside them.
            Lists in `ImageSets/Main/`, `trainval` and `test`, or else `train` and `val`, say which images are for
            testing; without lists nothing does, nor with `trainval` or `train` alone, whose images are then all.
            `classes.txt` may give the order of the classes, one in a line; otherwise it is that of the alphabet.
        spec: What names the dataset.
        train, test: Names of lists in `ImageSets/Main`, without `.txt`, as of `voc2007`.

    Raises:
        InputError: For a folder without annotations, lists that share images, an image or an annotation that is
            missing or malformed, a class that `classes.txt` does not have, or a split without boxes.
    """
    path = Path(path)
    lists = _lists_of(path, spec, train, test)
    return _by_lists(path, spec, lists, _own_classes(path)) if lists else _all(path, spec)


def _lists_of(root, spec, train, test):
    """Return the names of the lists for training and for testing, of one for both, or no name."""
    usual = next((pair for pair in _LISTS if all(_list(root, name).is_file() for name in pair)), None)
    if usual:
        return train or usual[0], test or usual[1]
    alone = {name for pair in _LISTS for name in pair if _list(root, name).is_file()}
    if not train and not test and alone:
        name = next((name for name in ("trainval", "train") if name in alone), None)
        if name is None:
            raise InputError(
                f"{root / MAIN} has {min(alone)}.txt, and none of the usual lists for training; add train.txt, name a "
                "list by '?train=LIST' behind the folder, or remove it."
            )
        return (name,)
    if test and not train:
        raise InputError(
            f"{spec!r} names the list for testing alone, and {root / MAIN} has none of the usual ones for training; "
            "name both, train and test."
        )
    return tuple(name for name in (train, test) if name)


def _list(root, name):
    return root / MAIN / f"{name}.txt"


def _by_lists(root, spec, list_names, class_names):
    named, lists = NamedFiles(root), [_list(root, name) for name in list_names]
    listed = [listed_images(file) for file in lists]
    shared = [name for name in listed[-1] if name in listed[0]] if len(listed) > 1 else []
    if shared:
        raise InputError(
            f"The lists {' and '.join(list_names)} of {root} share {len(shared)} image(s), the first is {shared[0]}; "
            "expected lists for training and testing without common images."
        )
    pairs = [
        [
            (name, _listed_image(named, name, file, line), named.path(Path("Annotations", f"{name}.xml")))
            for name, line in names.items()
        ]
        for names, file in zip(listed, lists, strict=True)
    ]
    return _read(spec, pairs, class_names)


def _listed_image(named, name, list_file, line):
    for suffix in (".png", ".jpeg", ".bmp", ".tif", ".tiff"):
        file = named.path(Path("JPEGImages", name + suffix))
        if file.is_file():
            return file
    return listed_file(named, Path("JPEGImages", f"{name}.jpg"), list_file, line)


def _all(path, spec):
    folders = (path / "JPEGImages", path / "Annotations")
    images, annotations = folders if all(folder.is_dir() for folder in folders) else (path, path)
    files, found = by_stem(visible_files(images)), by_stem(visible_files(annotations, (".xml",)))
    if not found:
        raise InputError(
            f"{path} has no annotations; expected XML files of PASCAL VOC beside the images, or in {folders[1]} with "
            f"the images in {folders[0]}."
        )
    alone = next((stem for stem in found if stem not in files), None)
    if alone is not None:
        raise InputError(
            f"{found[alone]} has no image of its name in {images}; add it, or remove the annotation."
        )
    bare = [stem for stem in files if stem not in found]
    if bare:
        raise InputError(
            f"{files[bare[0]]} has no annotation in {annotations}, as {len(bare)} image(s) in all; annotate them (an "
            "image without objects has an annotation without any), or move them elsewhere."
        )
    pairs = [[(stem, files[stem], found[stem]) for stem in sorted(found)]]
    return _read(spec, pairs, _own_classes(path))


def _own_classes(path):
    """Return the classes of `classes.txt`, or None if there is no such file."""
    file = path / "classes.txt"
    return list(read_class_list(file).names) if file.is_file() else None


def _read(spec, pairs, class_names):
    """Return the `BoxedSet` of lists of (name, image, annotation), one for each split."""
    roots = [[annotation_root(file) for _, _, file in split] for split in pairs]
    objects = [
        [objects_of(root, file) for root, (_, _, file) in zip(found, split, strict=True)]
        for found, split in zip(roots, pairs, strict=True)
    ]
    if class_names is None:
        class_names = sorted({one.name for split in objects for image in split for one in image})
    faults, splits = Faults(), []
    for split, found_roots, found in zip(pairs, roots, objects, strict=True):
        images = []
        for (name, file, xml), root, own in zip(split, found_roots, found, strict=True):
            size = known_size(file, annotated_size(root), faults)
            told = (root.findtext("filename") or "").strip()
            if told and Path(told).stem != file.stem:
                faults.foreign.append(f"{xml.name} ({told})")
            images.append(BoxedImage(name, file, size, _boxes(own, xml, size, class_names, faults)))
        splits.append(BoxedImages(tuple(images)))
    check_boxed(spec, **dict(zip(("training", "testing"), splits, strict=False)))
    train, test = (*splits, None)[:2]
    remarks = faults.remarks() + tuple(case_remarks(spec, class_names))
    return BoxedSet(spec, tuple(class_names), train, test, remarks)


def _boxes(objects, file, size, class_names, faults):
    rows = []
    for number, one in enumerate(objects, 1):
        if one.name not in class_names:
            raise InputError(
                f"Object {number} of {file} is of the class {one.name!r}; expected one of: {', '.join(class_names)}."
            )
        if one.corners is None:
            raise InputError(f"Object {number} of {file} has no box; give it a <bndbox>, or remove it.")
        corners = faults.inside(one.corners, size, f"object {number} of {file.name}")
        if corners is not None:
            rows.append((corners, class_names.index(one.name), one.difficult))
    return Boxes.of(rows)
