"""Reader of people's own images with several labels: a folder with `labels.csv`."""

import csv
import io
import os
from pathlib import Path

import numpy as np

from tfapp.data.dataset import Remark
from tfapp.data.listing import NamedFiles
from tfapp.data.multi_label import ABSENT, NOT_COUNTED, PRESENT, MultiLabelSet, images_in_files
from tfapp.data.splits import quarter_by_hash
from tfapp.data.tags import case_remarks, split_tags
from tfapp.errors import InputError
from tfapp.files import check_regular_file, read_text

TABLE = "labels.csv"
FORMS = "image,CLASS,CLASS,... or image,labels, each with or without the column split"
COMPACT = {"image", "labels", "split"}
# Columns of 0 and 1 that people's tables have beside those of classes.
_BESIDE = set(
    "is_valid valid is_test is_train test val validation subset partition fold id index verified reviewed annotated "
    "labelled labeled".split()
)
CELLS = {"1": PRESENT, "0": ABSENT, "": NOT_COUNTED, "?": NOT_COUNTED}


def labels_folder(path, spec):
    """Read the images that `labels.csv` names and the classes that they show.

    The first line of `labels.csv` names the columns: `image` (paths from the folder on), one for each class, with the
    cells 1 (the image shows it), 0 (it does not) and ? or nothing (the image does not count for it), and if wanted
    `split` (train or test). In place of the classes there may be one column `labels`: the names of all classes that
    an image shows, joined by `;`, `|`, a comma or a space, as `tfapp.data.tags` decides. Without `split` a quarter of
    the images is for testing, chosen by a hash of their paths, so whatever their order the same ones.

    Args:
        path: The folder.
        spec: What names the dataset; it decides nothing.

    Returns:
        `MultiLabelSet`.

    Raises:
        InputError: For a table that is missing or not of this form, an image that is missing, outside the folder or
            named twice, fewer than two classes, or no image for training or for testing.
    """
    table = Path(path) / TABLE
    header, rows = _rows(table)
    found = _image_files(table, rows)
    names, files = np.array(list(found)), np.array(list(found.values()), object)
    class_names, targets, remarks = (_joined if "labels" in header else _columns)(table, header, rows)
    if len(class_names) < 2:
        raise InputError(f"{table} has {len(class_names)} class(es); expected at least 2.")
    testing = _split(table, rows) if "split" in header else quarter_by_hash(names)
    if testing.all() or not testing.any():
        missing = "training" if testing.all() else "testing"
        raise InputError(f"{table} has no image for {missing}; expected images for training and for testing.")
    splits = [
        images_in_files(names[chosen].tolist(), targets[chosen], files[chosen])
        for chosen in (~testing, testing)
    ]
    return MultiLabelSet(spec, class_names, *splits, remarks)


def _rows(table):
    """Return the names of the columns, and of each image the number of its line and its cells by column."""
    check_regular_file(table, "a table")
    try:
        reader = csv.reader(io.StringIO(read_text(table), newline=""))
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except FileNotFoundError:
        raise InputError(f"{table} does not exist; expected a table with the columns {FORMS}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{table} is not UTF-8 text; save it with that encoding.") from None
    except csv.Error as error:
        raise InputError(f"{table} is damaged in line {reader.line_num} ({error}); save it as CSV.") from None
    rows = [(line, row) for line, row in rows if any(row)]
    if len(rows) < 2:
        raise InputError(
            f"{table} names no image; expected a line of columns, {FORMS}, and one for each image."
        )
    (_, header), *rows = rows
    _refuse_unnamed_column(table, header, rows)
    _check_header(table, header)
    for line, row in rows:
        if len(row) != len(header):
            spare = len(row) > len(header) and not any(row[len(header) :])
            remedy = ": remove the commas at its end" if spare else ""
            raise InputError(
                f"Line {line} of {table} has {len(row)} cells; expected {len(header)}, as the first line{remedy}."
            )
    return header, [(line, dict(zip(header, row, strict=True))) for line, row in rows]


def _refuse_unnamed_column(table, header, rows):
    """Refuse a column without a name: one that a comma at the end of the first line makes, or whose name is missing."""
    if "" not in header or "image" not in header:
        return
    place = header.index("")
    said = next(((line, row[place]) for line, row in rows if row[place:] and row[place]), None)
    start = f"Column {place + 1} of {table} has no name in the first line, {','.join(header)!r}"
    if said is not None:
        raise InputError(f"{start}, and {said[1]!r} in line {said[0]}; name it there, or remove it.")
    if any(header[place:]):
        raise InputError(f"{start}, and no line has anything in it; remove it.")
    raise InputError(
        f"{start}, and no line has anything in it; remove the comma at the end of the first line, and of the others."
    )


def _check_header(table, header):
    unknown = set(header) - COMPACT if "labels" in header else set()
    for name in header:
        if name not in COMPACT and name.casefold() in COMPACT:
            raise InputError(
                f"The first line of {table} has the column {name!r}; write {name.casefold()!r}, or give a class that "
                "is called so another name."
            )
    if "image" not in header or len(set(header)) < len(header) or unknown:
        raise InputError(
            f"The first line of {table} is {','.join(header)!r}; expected {FORMS}, each column once."
        )


def _image_files(table, rows):
    """Return the file of each image by its path from the folder on, of all its spellings the shortest."""
    named, files, lines = NamedFiles(table.parent), {}, {}
    for line, cells in rows:
        name = os.path.normpath(cells["image"])
        if os.path.isabs(name) or name.split(os.sep)[0] == os.pardir:
            raise InputError(
                f"Line {line} of {table} names {cells['image']}; expected a path that stays in {table.parent}."
            )
        file = named.path(name)
        if not file.is_file():
            if not file.is_dir():
                check_regular_file(file, f"an image, as line {line} of {table} names it")
            raise InputError(
                f"Line {line} of {table} names {cells['image'] or 'no image'}; expected a file in {table.parent}."
            )
        if file in lines:
            raise InputError(
                f"{table} names {name} twice, in the lines {lines[file]} and {line}; remove one."
            )
        files[name], lines[file] = file, line
    return files


def _columns(table, header, rows):
    class_names = tuple(name for name in header if name not in COMPACT)
    for line, cells in rows:
        for name in class_names:
            if cells[name] not in CELLS:
                raise InputError(
                    f"Line {line} of {table} has {cells[name]!r} for {name}; expected 1 (the image shows it), 0 (it "
                    "does not), or ? or nothing (it does not count)."
                )
    targets = [[CELLS[cells[name]] for name in class_names] for _, cells in rows]
    return class_names, np.array(targets, np.int8), _column_remarks(table, class_names)


def _column_remarks(table, names):
    odd = ", ".join(repr(name) for name in names if name.casefold() in _BESIDE)
    told = [Remark(f"Columns of {table} count as classes: {odd}; remove those that are none.")] if odd else []
    return (*case_remarks(table, names), *told)


def _joined(table, header, rows):
    del header
    shown, remarks = split_tags(table, [(line, cells["labels"]) for line, cells in rows])
    class_names = tuple(sorted(set().union(*shown)))
    targets = [[PRESENT if name in names else ABSENT for name in class_names] for names in shown]
    return class_names, np.array(targets, np.int8), (*remarks, *case_remarks(table, class_names))


def _split(table, rows):
    for line, cells in rows:
        if cells["split"] not in ("train", "test"):
            raise InputError(
                f"Line {line} of {table} has {cells['split']!r} for split; expected train or test."
            )
    return np.array([cells["split"] == "test" for _, cells in rows])
