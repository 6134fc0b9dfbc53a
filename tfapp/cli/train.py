"""Command `tfapp train`."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.config_file import ConfigFile
from tfapp.cli.console import ConsoleProgress, console, print_written, resumes
from tfapp.cli.distributed import begin_again, peers_for
from tfapp.cli.numbers import LARGEST_SIDE
from tfapp.cli.options import MaxPixels, Schedule
from tfapp.data.sources import IMAGE_PAIRS, MASKS, forms_in_short
from tfapp.errors import InputError

Option = typer.Option


@resumes
def train(
    context: typer.Context,
    spec: Annotated[
        str,
        typer.Argument(help=forms_in_short(MASKS, IMAGE_PAIRS)),
    ],
    out: Annotated[Path, Option(help="Run folder; a killed run there resumes.")],
    model: Annotated[
        str, Option(help="unet, res-unet, fcn-4s, fcn-8s, fcn-16s, fcn-32s or segnet.")
    ] = "unet",
    head: Annotated[
        str | None,
        Option(
            help="softmax, or tv-softmax for the TV-regularised one (RUnet, RSegnet); with --loss mse also sigmoid or "
            "identity.",
            show_default="tv-softmax, identity for image pairs",
        ),
    ] = None,
    loss: Annotated[
        str | None,
        Option(
            help="cross-entropy, or mse: regression of the one-hot labels, or of the other image of a pair.",
            show_default="cross-entropy, mse for image pairs",
        ),
    ] = None,
    label_image: Annotated[
        bool,
        Option(
            help="One output channel whose values are the labels, 0 or 1, for two classes, --loss mse and --head "
            "sigmoid or identity."
        ),
    ] = False,
    epochs: Annotated[int, Option(help="Epochs in all.")] = 20,
    until_loss: Annotated[
        float | None, Option(help="Stop after the first epoch whose training loss is no higher than this.")
    ] = None,
    keep: Annotated[
        str,
        Option(
            help="Which epoch's model the run ends with: last, or that of the smallest training-loss or "
            "validation-loss."
        ),
    ] = "last",
    steps_per_epoch: Annotated[
        int | None, Option(help="Batches per epoch [default: one pass, at least 50].")
    ] = None,
    batch_size: Annotated[int, Option(help="Images or patches per batch.")] = 8,
    optimizer: Annotated[
        str, Option(help="sgd, adam, adamw, nadam, rmsprop, adagrad, adadelta, lion, bpgrad, alig, eve.")
    ] = "adam",
    learning_rate: Annotated[
        float | None,
        Option(help="Learning rate; a factor for bpgrad.", show_default="0.001, bpgrad 1, alig 0.1"),
    ] = None,
    momentum: Annotated[
        float | None,
        Option(
            help="Momentum of sgd, bpgrad or alig, from 0 to below 1.", show_default="sgd 0, the others 0.9"
        ),
    ] = None,
    lipschitz: Annotated[
        str, Option(help="Lipschitz constant of bpgrad: a number, auto or auto-median.")
    ] = "auto",
    solver: Annotated[
        str | None,
        Option(
            help="In place of --optimizer and its rates, a solver as in tfapp solvers compare, such as "
            "adam=0.0001:beta_1=0.99, sgd-momentum=0.001/0.0001@21 or sgd=0.1@cosine.",
            show_default="none",
        ),
    ] = None,
    weight_decay: Annotated[
        float, Option(help="Adds half of it times the squared norm of the kernels to the loss.")
    ] = 0.0,
    l1_penalty: Annotated[
        float, Option(help="Adds it times the sum of the absolute values of the kernels to the loss.")
    ] = 0.0,
    precision: Annotated[
        str,
        Option(help="float32, or mixed_bfloat16: faster on accelerators that have it."),
    ] = "float32",
    schedule: Schedule = "constant",
    base_width: Annotated[int, Option(help="Filters of the first level.")] = 16,
    depth: Annotated[
        int | None,
        Option(help="Poolings; the stride is 2^depth.", show_default="segnet and fcn-32s 5, the others 4"),
    ] = None,
    modules: Annotated[
        str | None,
        Option(
            help="Residual modules of res-unet's skip connections, by level from the image down, such as 0,1,2,3.",
            show_default="one each",
        ),
    ] = None,
    widths: Annotated[
        str | None,
        Option(
            help="Filters of res-unet by level from the image down, such as 16,32,64,128,128, not by --base-width.",
            show_default="twice as many at each level, 1.5 times at the lowest",
        ),
    ] = None,
    equal_parameters: Annotated[
        bool, Option(help="FCN-16s, -8s and -4s with as many parameters as U-Net has.")
    ] = False,
    batch_norm: Annotated[
        bool | None,
        Option(
            "--batch-norm/--no-batch-norm",
            help="Batch normalisation behind every convolution but the last.",
            show_default="segnet with it, the others without",
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        Option(help="Dropout at the lowest level.", show_default="fcn-32s 0.5, the others 0"),
    ] = None,
    encoder_weights: Annotated[
        str | None,
        Option(
            help="VGG-16 weights for segnet and fcn-32s: a file of Keras, with its top for fc6 and fc7 of fcn-32s, or "
            "imagenet to download them."
        ),
    ] = None,
    tv_weight: Annotated[float, Option(help="Initial weight lambda of the total variation.")] = 1.0,
    learn_tv_weight: Annotated[bool, Option(help="Learn lambda, or keep it.")] = True,
    tv_per_class: Annotated[bool, Option(help="One lambda for each class.")] = False,
    tv_gradient: Annotated[
        str,
        Option(
            help="implicit (of the solution, by 8 steps), jacobian-free, unrolled, or one-step (Jia, Liu, Tai)."
        ),
    ] = "implicit",
    tv_step: Annotated[float, Option(help="Constant c = tau*lambda of the one step.")] = 0.25,
    tv_iterations: Annotated[int, Option(help="Iterations of the solver in training.")] = 30,
    tv_inference_iterations: Annotated[
        int | None, Option(help="Iterations of the solver at inference.", show_default="60")
    ] = None,
    tv_method: Annotated[
        str,
        Option(
            help="Solver: fista, preconditioned-fista, projected-gradient, or lazy-projected-gradient (Jia, Liu, Tai, "
            "as printed)."
        ),
    ] = "fista",
    tv_isotropic: Annotated[
        bool, Option(help="Euclidean lengths, fair to all directions, or sums of absolute values.")
    ] = True,
    tv_tolerance: Annotated[
        float | None,
        Option(help="Duality gap per pixel to stop at before the last iteration.", show_default="none"),
    ] = None,
    tv_label_tolerance: Annotated[
        float | None,
        Option(
            help="Stop at inference when at most this share of an image's labels has changed in ten iterations.",
            show_default="none",
        ),
    ] = None,
    tv_guide: Annotated[
        bool, Option(help="Borders that follow the edges of the input image cost less.")
    ] = False,
    tv_edge_contrast: Annotated[
        float,
        Option(help="Difference of neighbours in an image in [0, 1] at which --tv-guide halves lambda."),
    ] = 0.1,
    tv_weight_form: Annotated[
        str,
        Option(
            help="What is trained: softplus, the number whose softplus is lambda, or direct, lambda itself."
        ),
    ] = "softplus",
    tv_weight_rate: Annotated[
        float, Option(help="Learning rate of lambda under sgd, as a factor of that of the network.")
    ] = 1.0,
    tv_weight_bounds: Annotated[
        str | None,
        Option(
            help="LEAST,LARGEST: bounds that a learned lambda stays within; an empty side is no bound.",
            show_default="none",
        ),
    ] = None,
    tv_temperature: Annotated[
        float, Option(help="Initial weight of the entropy: below 1 probabilities are sharper.")
    ] = 1.0,
    learn_tv_temperature: Annotated[bool, Option(help="Learn that weight, or keep it.")] = False,
    tv_volumes: Annotated[
        str | None,
        Option(
            help="Shares of the pixels that the classes take in every image: 0.2,0.5,0.3, or bounds LEAST:LARGEST, "
            "0.1:0.3,:0.5,0.2:; for whole images.",
            show_default="none",
        ),
    ] = None,
    tv_relu: Annotated[
        bool,
        Option(help="TV-regularised ReLUs in the network, in place of each ReLU; about seven times slower."),
    ] = False,
    tv_relu_weight: Annotated[float, Option(help="Initial lambda of each of them.")] = 0.1,
    resize: Annotated[
        str | None,
        Option(
            help="Resize images to N or HEIGHTxWIDTH [default: only raindrop, to 480 without --patch and --crop]."
        ),
    ] = None,
    patch: Annotated[
        int | None, Option(help="Cut square patches [default: only for mixed or large sizes].")
    ] = None,
    overlap: Annotated[int, Option(help="Pixels that neighbouring patches share.")] = 0,
    crop: Annotated[
        str | None,
        Option(
            help="Train on a random crop of N or HEIGHTxWIDTH of each image in each pass, after --resize; smaller "
            "images have --crop-border around them.",
            show_default="none",
        ),
    ] = None,
    crop_border: Annotated[str, Option(help="mirror, or void: the mean colour, without labels.")] = "mirror",
    augment: Annotated[
        str,
        Option(
            help="none, mirror (left-right), flips (two axes), dihedral (and quarter turns), or auto; with commas also "
            "scale=0.5-2 before a --crop, brightness=0.125, contrast=0.5-1.5, colour=0.5, or these names alone."
        ),
    ] = "auto",
    class_weighting: Annotated[
        str, Option(help="none, balanced or median-frequency, by what patches show.")
    ] = "none",
    test_share: Annotated[
        float, Option(help="Share kept for testing; a dataset's official split comes first.")
    ] = 0.2,
    validation_share: Annotated[
        float, Option(help="Share watched while training; an official validation split comes first.")
    ] = 0.1,
    random_split: Annotated[
        bool, Option(help="Split at random by these shares, also where the dataset has an official split.")
    ] = False,
    validate_on_test: Annotated[
        bool,
        Option(
            help="Watch the loss of the test images after each epoch, in place of images for validation: for curves of "
            "papers, and no choice by it."
        ),
    ] = False,
    train_images: Annotated[
        int | None, Option(help="Train on the first N training images only, for learning curves.")
    ] = None,
    train_noise: Annotated[
        str | None,
        Option(
            help="Noise on some training images, such as gaussian=0.05; of several, 'gaussian=0.05|salt=0.01', each of "
            "these images has one at random, the same in every epoch."
        ),
    ] = None,
    noisy_share: Annotated[
        float, Option(help="Share of the training images with that noise.", show_default="1/3")
    ] = 1 / 3,
    trajectory: Annotated[
        int | None,
        Option(help="Record the weights every N epochs, for tfapp landscape --directions pca.", metavar="N"),
    ] = None,
    seed: Annotated[int, Option(help="Seed of weights, order and augmentation.")] = 0,
    split_seed: Annotated[int, Option(help="Seed of the split and of the noise in the training set.")] = 0,
    image_memory: Annotated[
        int, Option(min=1, help="MiB of decoded training images to keep, and as many for validation.")
    ] = 2048,
    cache: Annotated[
        Path | None,
        Option(
            help="Folder to keep decoded images in, which other trainings may share; noisy and generated images are "
            "not kept.",
            show_default="none",
        ),
    ] = None,
    max_pixels: MaxPixels = None,
    workers: Annotated[
        str | None,
        Option(
            help="Divide each batch among N workers on this machine, or HOST:PORT,HOST:PORT,... on several, each "
            "started with the same command and its own --worker; worker 0 writes the run.",
            show_default="as TF_CONFIG says, otherwise one",
        ),
    ] = None,
    worker: Annotated[int | None, Option(help="Which of --workers this is, from 0.", min=0)] = None,
    worker_timeout: Annotated[float, Option(help="Seconds that other workers are waited for.", min=1)] = 600,
    overwrite: Annotated[bool, Option(help="Start again, removing the run in --out.")] = False,
    config_file: ConfigFile = None,
):
    """Train a segmenter, or on image pairs a network that makes images; killed, the same command resumes."""
    config = config_of(dict(locals()))
    from tfapp.runs.distributed.peers import PeerLost
    from tfapp.segmentation.training import help_to_train
    from tfapp.segmentation.training import train as run_training

    settings = {"progress": ConsoleProgress(context.command), "cache": cache}
    settings["image_memory"] = image_memory * 2**20
    try:
        peers = peers_for(workers, worker, worker_timeout, context.command)
        if peers is not None and not peers.is_chief:
            help_to_train(spec, config, peers, **settings)
            return
        run = run_training(spec, out, config, overwrite=overwrite, peers=peers, **settings)
    except PeerLost:
        begin_again()
    print_written(run.path / "model.keras", run.path / "history.csv")
    console.print(f"next: tfapp evaluate {run.typed_path}", soft_wrap=True, markup=False, highlight=False)


def config_of(options):
    """Return the `TrainConfig` of what was typed.

    Args:
        options: Dictionary from the names of the parameters of `train`, or some of them with `spec`, to their values.
    """
    from tfapp.data import names_image_pairs
    from tfapp.segmentation.config import TrainConfig

    values = {field.name: options[field.name] for field in fields(TrainConfig) if field.name in options}
    default = ("identity", "mse") if names_image_pairs(options["spec"]) else ("tv-softmax", "cross-entropy")
    values.update(head=options["head"] or default[0], loss=options["loss"] or default[1])
    values.update(resize=parse_size(options["resize"]), crop=parse_crop(options["crop"]))
    if values["train_noise"] is None and values["noisy_share"] != TrainConfig.noisy_share:
        raise InputError(
            "--noisy-share is the share of the training images that have --train-noise; name that noise, such as "
            "--train-noise gaussian=0.05, or leave the share out."
        )
    return TrainConfig(**values)


def parse_crop(text):
    """Turn the text of `--crop` into (height, width)."""
    return parse_size(text, "--crop")


def parse_size(text, flag="--resize"):
    """Turn `N` or `HEIGHTxWIDTH` into (height, width); errors name the flag."""
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(re.fullmatch("[0-9]{1,9}", part) and int(part) > 0 for part in parts):
        raise InputError(f"{flag} {text!r} is not a size; expected N or HEIGHTxWIDTH, such as 128 or 96x128.")
    if max(map(int, parts)) > LARGEST_SIDE:
        raise InputError(f"{flag} must be sides of at most {LARGEST_SIDE:,} pixels; got {text}.")
    return (int(parts[0]), int(parts[-1]))
