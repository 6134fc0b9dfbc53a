"""Command `tfapp detect train`."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.config_file import ConfigFile
from tfapp.cli.console import ConsoleProgress, console, print_written, resumes
from tfapp.cli.options import MaxPixels, typed
from tfapp.cli.sources import SCALE_DEFAULT, typed_scale
from tfapp.errors import InputError

Option = typer.Option


@resumes
def train(
    context: typer.Context,
    spec: Annotated[
        str,
        typer.Argument(help="voc-boxes:PATH (XML of any classes), voc2007:PATH, voc2012:PATH or coco:PATH."),
    ],
    out: Annotated[Path, Option(help="Run folder; a killed run there resumes.")],
    backbone: Annotated[
        str,
        Option(
            help="vgg16, a network of keras.applications such as ResNet50, or a .keras file of any model for images."
        ),
    ],
    weights: Annotated[
        str | None,
        Option(
            help="Of vgg16 and keras.applications: a file, or imagenet, which Keras may download.",
            show_default="none",
        ),
    ] = None,
    layer: Annotated[
        str | None,
        Option(help="Whose output the features are.", show_default="the last one of stride 16"),
    ] = None,
    input_scale: Annotated[
        float, Option(help="Of a .keras file: what it takes for white.", show_default=SCALE_DEFAULT)
    ] = 1.0,
    frozen_stride: Annotated[
        int, Option(help="Layers of at most this stride keep their weights; 0 trains all.")
    ] = 2,
    pool: Annotated[str, Option(help="roi-align, or roi-pool as in Fast R-CNN.")] = "roi-align",
    head_width: Annotated[int, Option(help="Units of the two fully connected layers.")] = 1024,
    dropout: Annotated[float, Option(help="Behind each of them.")] = 0.5,
    proposals: Annotated[
        str,
        Option(
            help="rpn, a region proposal network (Faster R-CNN); or of Fast R-CNN selective-search, anchors, a .mat or "
            ".npz file of proposals."
        ),
    ] = "rpn",
    min_side: Annotated[int, Option(help="Least side in pixels of a box of selective search.")] = 20,
    anchor_sizes: Annotated[
        str, Option(help="Sides of anchors in pixels of the scaled images, comma-separated.")
    ] = "32,64,128,256",
    anchor_ratios: Annotated[str, Option(help="Their heights divided by their widths.")] = "0.5,1,2",
    shorter_side: Annotated[int, Option(help="Images are scaled to this shorter side ...")] = 480,
    longer_side: Annotated[int, Option(help="... or to this longer side at most.")] = 1000,
    batch_size: Annotated[int, Option(help="Images per batch.")] = 2,
    regions: Annotated[int, Option(help="Regions of each image that the classes are learned from.")] = 64,
    foreground: Annotated[float, Option(help="Largest share of objects among them.")] = 0.25,
    background_overlap: Annotated[
        float | None,
        Option(
            help="Least overlap of background with an object.", show_default="0.1; 0 with rpn and anchors"
        ),
    ] = None,
    solver: Annotated[
        str,
        Option(
            help="As in tfapp solvers compare: sgd-momentum=0.001/0.0001@7, adam=0.0001, bpgrad=100:rho=0.1, ..."
        ),
    ] = "sgd-momentum=0.01@cosine",
    bias_rate: Annotated[
        float, Option(help="Factor of the learning rate of biases; BPGrad and ALI-G have none.")
    ] = 2.0,
    weight_decay: Annotated[
        float, Option(help="Adds half of it times the squared norm of the kernels to the loss.")
    ] = 0.0005,
    epochs: Annotated[int, Option(help="Passes over the training images in all.")] = 12,
    augment: Annotated[
        str,
        Option(
            help="none or mirror; with commas also scale=0.8-1.25, brightness=0.125, contrast=0.5-1.5, colour=0.5."
        ),
    ] = "mirror",
    test_share: Annotated[
        float, Option(help="Share kept for testing; a dataset's official lists come first.")
    ] = 0.2,
    validation_share: Annotated[
        float, Option(help="Share of the training images watched while training.")
    ] = 0.0,
    seed: Annotated[int, Option(help="Seed of weights, order, augmentation and regions.")] = 0,
    split_seed: Annotated[int, Option(help="Seed of the split.")] = 0,
    max_pixels: MaxPixels = None,
    overwrite: Annotated[bool, Option(help="Start again, removing the run in --out.")] = False,
    config_file: ConfigFile = None,
):
    """Train Fast R-CNN, or Faster R-CNN, on images with boxes; killed, the same command resumes."""
    del max_pixels  # Its option has set the limit.
    options = dict(locals())
    from tfapp.detection.config import DetectionConfig
    from tfapp.detection.training import train as run_training

    values = {field.name: options[field.name] for field in fields(DetectionConfig)}
    values["input_scale"] = typed_scale(context, input_scale)
    for name in ("anchor_sizes", "anchor_ratios"):
        values[name] = parse_numbers(f"--{name.replace('_', '-')}", values[name])
    run = run_training(
        spec,
        out,
        DetectionConfig(**values),
        command=typed(context),
        overwrite=overwrite,
        progress=ConsoleProgress(context.command),
    )
    print_written(run.path / "model.keras", run.path / "history.csv")
    console.print(
        f"next: tfapp detect evaluate {run.typed_path}", soft_wrap=True, markup=False, highlight=False
    )


def parse_numbers(option, text):
    """Turn `32,64` into a tuple of floats; errors name the option."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"{option} {text!r} is not understood; expected numbers such as 32,64,128."
        ) from None
