"""`tfapp reproduce tv-table-1` to `tv-table-6`: the tables and figures of Jia, Liu and Tai."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import print_table, print_written
from tfapp.cli.evaluate import print_comparison
from tfapp.cli.reproduce_options import check_scale, parse_seeds, spec_of, typed
from tfapp.cli.train import parse_size
from tfapp.cli.tv_steps import choose_weights, evaluate_pairs, train_table
from tfapp.errors import InputError
from tfapp.files import check_folder
from tfapp.reproduce.tv.tables import (
    BASELINE,
    DEFAULT_TRAIN_NOISE,
    READING,
    SCALES,
    SOURCE,
    TEST_IMAGES,
    scale_settings,
)

Option = typer.Option
OVERRIDES = "epochs steps_per_epoch batch_size base_width depth optimizer learning_rate".split()


def help_of(table):
    """Return the help text of a table's command."""
    scales = "\n\n".join(f"--scale {name}: {text}" for name, text in SCALES.items())
    return f"{table.heading}.\n\nAfter {SOURCE}. {READING}\n\n{BASELINE}\n\n{scales}"


def command_of(table):
    """Return the function behind `tfapp reproduce tv-table-N`."""
    reader = table.subject.reader

    def tv_table(
        context: typer.Context,
        data: Annotated[str, Option(help=f"{table.subject.data}: its folder, or {reader}:PATH.")],
        out: Annotated[Path, Option(help="Folder of runs, tables, figures; a killed command goes on there.")],
        scale: Annotated[str, Option(help="small or paper.")] = "small",
        seeds: Annotated[str, Option(help="Seeds of training, comma-separated.")] = "0,1,2",
        train_noise: Annotated[
            str | None,
            Option(help="Noise on a third of model 2's training images, such as salt-and-pepper=0.01."),
        ] = DEFAULT_TRAIN_NOISE if table.model_number == 2 else None,
        tv_gradient: Annotated[
            str,
            Option(help="implicit (converged, exact), jacobian-free, unrolled, or one-step (the paper's)."),
        ] = "implicit",
        encoder_weights: Annotated[
            str | None,
            Option(help="VGG-16 weights for Segnet at --scale paper: a file of Keras, or imagenet."),
        ] = None,
        epochs: Annotated[int | None, Option(help="Epochs of each run.", show_default="by scale")] = None,
        steps_per_epoch: Annotated[
            int | None, Option(help="Batches per epoch.", show_default="by scale")
        ] = None,
        batch_size: Annotated[int | None, Option(help="Batch size.", show_default="by scale")] = None,
        resize: Annotated[
            str | None, Option(help="Resize images to N or HEIGHTxWIDTH.", show_default="by scale")
        ] = None,
        base_width: Annotated[
            int | None, Option(help="Filters of the first level.", show_default="by scale")
        ] = None,
        depth: Annotated[int | None, Option(help="Poolings.", show_default="by scale")] = None,
        optimizer: Annotated[str | None, Option(help="As in `tfapp train`.", show_default="by scale")] = None,
        learning_rate: Annotated[float | None, Option(help="Learning rate.", show_default="by scale")] = None,
        overwrite: Annotated[bool, Option(help="Start again, removing this table's runs in --out.")] = False,
    ):
        options = dict(locals())
        given = {name: options[name] for name in OVERRIDES if options[name] is not None}
        given |= {"resize": parse_size(resize)} if resize else {}
        given |= {"tv_gradient": tv_gradient, "encoder_weights": encoder_weights}
        given["train_noise"] = _train_noise(table, train_noise)
        make_table(table, data, out, scale, seeds, given, typed(context), overwrite=overwrite)

    return tv_table


def make_table(table, data, out, scale, seeds, given, command, *, overwrite=False):
    """Train the pairs of a table, evaluate them, and write its files.

    Args:
        table: A `TVTable`.
        data: Folder of its data, or `READER:PATH`.
        out: Folder to write to.
        scale: One of `SCALES`.
        seeds: Text such as `0,1,2`.
        given: Options of `TrainConfig` that come before those of the scale.
        command: The command line as it was typed, for the report.
        overwrite: Whether to remove the table's runs in `out` first.
    """
    from tfapp.reproduce.tv.results import TVResult, write_table

    numbers = parse_seeds(seeds)
    made_of = f"Table {table.number} is made of {table.subject.data}"
    spec = spec_of(data, table.subject.reader, made_of)
    config = _config(table, spec, scale, given)
    check_folder(out)
    runs = train_table(table, spec, out, config, numbers, overwrite)
    pairs = choose_weights(runs)
    comparison = evaluate_pairs(pairs, TEST_IMAGES[scale])
    result = TVResult(table, scale, command, pairs, comparison, [])
    print_comparison(comparison)
    print_table(*result.weights(), title="Weights of the total variation")
    print_written(*write_table(result, out))


def _train_noise(table, given):
    if table.model_number == 1 and given is not None:
        raise InputError(
            f"Table {table.number} is of model 1, which trains on clean images; --train-noise is for model 2, "
            f"tv-table-{table.number + 1}."
        )
    return given


def _config(table, spec, scale, given):
    """Return the `TrainConfig` of all runs, checked against the data before anything is written."""
    from tfapp.data import open_dataset, split_items
    from tfapp.segmentation.config import TrainConfig

    check_scale(scale, SCALES)
    dataset = open_dataset(spec)
    sizes = {item.size for item in dataset.items}
    config = TrainConfig(**scale_settings(table.subject.reader, scale, sizes) | given)
    config.check()
    split = split_items(dataset, config.split_seed, config.test_share, config.validation_share)
    if not split.validation:
        raise InputError(
            f"{spec} has {len(dataset.items)} image(s): too few to keep some for validation, which the choice of "
            "lambda needs."
        )
    return config
