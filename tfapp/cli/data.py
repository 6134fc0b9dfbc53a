"""Commands `tfapp data show` and `tfapp data check`."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import (
    EXIT_BAD_INPUT,
    EXIT_FAILURE,
    ConsoleProgress,
    TensorFlowCommand,
    console,
    print_notices,
    print_table,
    print_written,
)
from tfapp.cli.options import MaxPixels
from tfapp.data.sources import IMAGE_PAIRS, MASKS, ONE_LABEL, SEVERAL_LABELS, forms_in_short
from tfapp.errors import InputError
from tfapp.files import check_outputs
from tfapp.report.result_table import ResultTable

# More would make a sheet that no viewer shows whole, or names that run into each other.
MOST_CLASSES, MOST_LETTERS = 20, 12

Boxes = Annotated[
    bool,
    typer.Option(
        "--boxes", help="Look at the boxes of voc2007:PATH or voc2012:PATH, not at its labels or masks."
    ),
]

app = typer.Typer(help="Look at datasets.", no_args_is_help=True)


@app.callback()
def _data():
    """Look at datasets."""


@app.command("show", cls=TensorFlowCommand)
def show(
    spec: Annotated[
        str,
        typer.Argument(
            help=f"{forms_in_short(MASKS, IMAGE_PAIRS)}; with labels {forms_in_short(ONE_LABEL)}; with several labels "
            f"{forms_in_short(SEVERAL_LABELS)}; with boxes voc-boxes:PATH, coco:"
        ),
    ],
    out: Annotated[Path, typer.Option(help="Contact sheet to write.")] = Path("contact-sheet.png"),
    count: Annotated[
        int, typer.Option(min=1, help="Images on the sheet, at most; of images with labels, of each class.")
    ] = 12,
    boxes: Boxes = False,
    max_pixels: MaxPixels = None,
):
    """Write a contact sheet of images with masks or boxes, of image pairs, or of each class; print sizes and counts."""
    from tfapp.data import names_boxes, names_classification, names_multi_label, open_dataset
    from tfapp.report.figures import check_image_name
    from tfapp.segmentation.pictures import contact_sheet_of, survey, survey_pairs

    check_image_name(out)
    if boxes or names_boxes(spec):
        return _show_boxes(spec, out, count)
    if names_classification(spec):
        return _show_classes(spec, out, count)
    if names_multi_label(spec):
        return _show_targets(spec, out, count)
    dataset = open_dataset(spec)
    check_outputs([(out, "the contact sheet")], [file for item in dataset.items for file in item.files])
    with ConsoleProgress().task("reading", len(dataset.items)) as task:
        look = survey_pairs if dataset.image_pairs else survey
        seen = look(dataset, advance=task.advance)
    contact_sheet_of(dataset, count, out)
    sizes = Counter(f"{width}x{height}" for height, width in (item.size for item in dataset.items))
    shown = ", ".join(f"{size} ({number})" for size, number in sizes.most_common(5))
    rest = f" and {len(sizes) - 5} further sizes" if len(sizes) > 5 else ""
    console.print(
        f"{dataset.spec}: {len(dataset.items)} images, {dataset.channels} channel(s)", soft_wrap=True
    )
    console.print(f"width x height: {shown}{rest}", soft_wrap=True)
    if dataset.image_pairs:
        console.print(f"images against their targets: PSNR {seen.psnr:.2f} dB, SSIM {seen.ssim:.4f} (means)")
    else:
        _print_shares(dataset, *seen)
    _print_remarks(dataset)
    print_written(out)


def _show_classes(spec, out, count):
    """Write a contact sheet with a column of training images for each class; print the counts of both splits.

    Args:
        spec: What `open_classification` takes.
        out: `Path` of the sheet.
        count: Images of each class, at most.
    """
    from tfapp.data import open_classification

    data = open_classification(spec)
    shown = _write_class_sheet(data, lambda index: data.train.labels == index, count, out)
    size = "images of various sizes" if data.image_shape[0] is None else "{1}x{0}".format(*data.image_shape)
    console.print(
        f"{data.spec}: {len(data.train)} images for training, {len(data.test)} for testing, {size}, "
        f"{data.image_shape[-1]} channel(s)",
        soft_wrap=True,
    )
    rows = zip(data.class_names, range(data.num_classes), *data.class_counts(), strict=True)
    print_table(ResultTable(["class", "index", "training", "testing"], list(rows)))
    _print_remarks(data)
    _print_sheet(out, shown, data.num_classes)


def _show_targets(spec, out, count):
    """Write a contact sheet with a column of training images for each class; print the counts of both splits.

    Args:
        spec: What `open_multi_label` takes.
        out: `Path` of the sheet.
        count: Images of each class, at most.
    """
    from tfapp.data import open_multi_label
    from tfapp.data.multi_label import NOT_COUNTED, PRESENT

    data = open_multi_label(spec)
    shown = _write_class_sheet(data, lambda index: data.train.targets[:, index] == PRESENT, count, out)
    console.print(
        f"{data.spec}: {len(data.train)} images for training, {len(data.test)} for testing", soft_wrap=True
    )
    (train, test), (train_left_out, test_left_out) = map(data.class_counts, (PRESENT, NOT_COUNTED))
    columns = (data.class_names, range(data.num_classes), train, train_left_out, test, test_left_out)
    header = ["class", "index", "training", "not counted", "testing", "not counted"]
    print_table(ResultTable(header, list(zip(*columns, strict=True))))
    _print_remarks(data)
    _print_sheet(out, shown, data.num_classes)


def _show_boxes(spec, out, count):
    """Write a contact sheet of training images with their boxes; print the objects of each class in each split.

    Args:
        spec: What `open_boxes` takes.
        out: `Path` of the sheet.
        count: Images, at most.
    """
    import numpy as np

    from tfapp.data import open_boxes
    from tfapp.detection.pictures import draw_boxes
    from tfapp.report.contact_sheet import contact_sheet
    from tfapp.report.figures import save_image

    data = open_boxes(spec)
    check_outputs([(out, "the contact sheet")], [file for split in data.splits for file in split.contents])
    chosen = np.unique(np.linspace(0, len(data.train) - 1, min(count, len(data.train))).astype(int))
    across = min(3, len(chosen))
    pictures = [
        draw_boxes(image.read(), image.boxes, data.class_names)
        for image in map(data.train.__getitem__, chosen)
    ]
    pictures += [np.full((1, 1, 3), 255, np.uint8)] * (-len(pictures) % across)
    rows = [pictures[start : start + across] for start in range(0, len(pictures), across)]
    names = [data.train[place].name for place in chosen] + [""] * (len(pictures) - len(chosen))
    captions = [names[start : start + across] for start in range(0, len(names), across)]
    save_image(contact_sheet(rows, [""] * across, cell=420, captions=captions), out)
    _print_objects(data)
    _print_remarks(data)
    print_written(out)


def _print_objects(data):
    names = ("training", "testing")[: len(data.splits)]
    told = ", ".join(f"{len(split)} for {name}" for name, split in zip(names, data.splits, strict=True))
    console.print(f"{data.spec}: images with boxes, {told}", soft_wrap=True)
    if data.test is None:
        console.print(
            "No list says which are for testing: `tfapp detect train` keeps a --test-share of them, 20 % unless told "
            "otherwise.",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
    counts = [row for split in data.splits for row in split.counts(data.num_classes)]
    header = ["class", "index", *(word for name in names for word in (f"objects, {name}", "difficult"))]
    print_table(
        ResultTable(header, list(zip(data.class_names, range(data.num_classes), *counts, strict=True)))
    )


def _check_boxes(spec, out):
    """Read all images with boxes; say what was left out of them, and refuse what cannot be used."""
    from tfapp.data import open_boxes

    if out is not None:
        raise InputError(
            "There is no page about boxes yet; leave out --out, or look at them by `tfapp data show`."
        )
    data = open_boxes(spec)
    with ConsoleProgress().task("reading", sum(map(len, data.splits))) as task:
        for split in data.splits:
            for image in split:
                image.read()
                task.advance()
    _print_objects(data)
    for remark in data.remarks:
        console.print(f"warning: {remark.text}", soft_wrap=True, markup=False, highlight=False)
    if data.remarks:
        raise typer.Exit(EXIT_FAILURE)
    console.print("nothing to mend")


def _print_remarks(data):
    """Print what a person should know of the data."""
    from tfapp.data.image_facts import remarks_on

    print_notices(remark.text for remark in remarks_on(data))


def _print_shares(dataset, shares, ignored):
    rows = [
        (name, index, f"{100 * share:.2f} %")
        for index, (name, share) in enumerate(zip(dataset.class_names, shares, strict=True))
    ]
    print_table(ResultTable(["class", "index", "share of labelled pixels"], rows))
    if ignored:
        console.print(
            f"{100 * ignored:.2f} % of the pixels have no label (ignore value {dataset.ignore_value})"
        )


def _write_class_sheet(data, of_class, count, out):
    """Write a contact sheet with a column of training images for each class, evenly chosen of very many.

    Args:
        data: `ClassificationSet` or `MultiLabelSet`.
        of_class: Function of a class that returns bool (count,), whether each training image shows it.
        count: Images of each class, at most.
        out: `Path` of the sheet.

    Returns:
        The classes that the sheet shows.
    """
    import numpy as np

    from tfapp.report.contact_sheet import as_rgb, contact_sheet
    from tfapp.report.figures import save_image

    files = [file for split in data.splits for file in split.contents if isinstance(file, Path)]
    check_outputs([(out, "the contact sheet")], files)
    shown = np.unique(np.linspace(0, data.num_classes - 1, min(MOST_CLASSES, data.num_classes)).astype(int))
    columns = [np.flatnonzero(of_class(index))[:count] for index in shown]
    blank = np.full((1, 1, 3), 255, np.uint8)
    rows = [
        [as_rgb(data.train.read(column[row])) if row < len(column) else blank for column in columns]
        for row in range(max(1, *map(len, columns)))
    ]
    titles = [data.class_names[index][:MOST_LETTERS] for index in shown]
    save_image(contact_sheet(rows, titles, cell=72), out)
    return shown


def _print_sheet(out, shown, num_classes):
    """Name the sheet, and say so if it leaves out classes."""
    if len(shown) < num_classes:
        console.print(f"the sheet shows {len(shown)} of the {num_classes} classes")
    print_written(out)


@app.command("check", cls=TensorFlowCommand)
def check(
    spec: Annotated[str, typer.Argument(help="As of tfapp data show.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Page (.html) or sheet (.png) with the images that are meant; not of boxes."),
    ] = None,
    boxes: Boxes = False,
    max_pixels: MaxPixels = None,
):
    """Read all of a dataset and say what may be wrong; exit code 0 if nothing, 1 with warnings, 2 if it is refused."""
    del max_pixels  # Its option has set the limit.
    from tfapp.data import (
        names_boxes,
        names_classification,
        names_multi_label,
        open_classification,
        open_dataset,
        open_multi_label,
    )
    from tfapp.data.checks import REFUSAL, WARNING, check_data
    from tfapp.data.pictures import pictures_of
    from tfapp.segmentation.data_page import check_out, write_data_report

    if boxes or names_boxes(spec):
        return _check_boxes(spec, out)
    if out is not None:
        check_out(out)
    if names_classification(spec):
        data = open_classification(spec)
    else:
        data = open_multi_label(spec) if names_multi_label(spec) else open_dataset(spec)
    with ConsoleProgress().task("reading", len(pictures_of(data))) as task:
        report = check_data(data, task.advance)
    console.print(report.spec, soft_wrap=True, markup=False, highlight=False)
    for name, text in report.facts.items():
        console.print(f"{name}: {text}", soft_wrap=True, markup=False, highlight=False)
    if report.classes:
        print_table(ResultTable(report.header, report.classes))
    for finding in report.findings:
        console.print(f"{finding.kind}: {finding.text}", soft_wrap=True, markup=False, highlight=False)
    if out is not None:
        write_data_report(report, data.num_classes, out)
        print_written(out)
    if report.of_kind(REFUSAL):
        raise typer.Exit(EXIT_BAD_INPUT)
    if report.of_kind(WARNING):
        raise typer.Exit(EXIT_FAILURE)
    console.print("nothing to mend")
