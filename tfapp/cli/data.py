"""`tfapp data show`."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.classes import show_classes
from tfapp.cli.console import TensorFlowCommand, console, print_table, print_written, progress_bar
from tfapp.cli.targets import show_targets

app = typer.Typer(help="Look at datasets.", no_args_is_help=True)


@app.callback()
def _data():
    """Look at datasets."""


@app.command("show", cls=TensorFlowCommand)
def show(
    spec: Annotated[
        str,
        typer.Argument(
            help="cells, or folder:PATH, wbc:, isbi2012:, camvid:, sunrgbd:, drive:, raindrop:; with labels digits, or "
            "mnist:PATH, fashion-mnist:, cifar10:, imagenet:; with several labels voc2007:PATH, labels:"
        ),
    ],
    out: Annotated[Path, typer.Option(help="Contact sheet to write.")] = Path("contact-sheet.png"),
    count: Annotated[
        int, typer.Option(min=1, help="Images on the sheet, at most; of images with labels, of each class.")
    ] = 12,
):
    """Write a contact sheet of images with mask overlays, of image pairs, or of each class; print sizes and counts."""
    from tfapp.data import names_classification, names_multi_label, open_dataset
    from tfapp.segmentation.overview import contact_sheet_of, survey, survey_pairs

    if names_classification(spec):
        return show_classes(spec, out, count)
    if names_multi_label(spec):
        return show_targets(spec, out, count)
    dataset = open_dataset(spec)
    with progress_bar() as bar:
        task = bar.add_task("reading", total=len(dataset.items), note="")
        look = survey_pairs if dataset.image_pairs else survey
        seen = look(dataset, advance=lambda: bar.advance(task))
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
    print_written(out)


def _print_shares(dataset, shares, ignored):
    rows = [
        (name, index, f"{100 * share:.2f} %")
        for index, (name, share) in enumerate(zip(dataset.class_names, shares, strict=True))
    ]
    print_table(["class", "index", "share of labelled pixels"], rows)
    if ignored:
        console.print(
            f"{100 * ignored:.2f} % of the pixels have no label (ignore value {dataset.ignore_value})"
        )
