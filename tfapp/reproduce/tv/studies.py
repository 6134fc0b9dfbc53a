"""Studies `tv-table-1` to `tv-table-6`: the tables and figures of Jia, Liu and Tai."""

from pathlib import Path
from typing import Annotated

from tfapp.errors import InputError
from tfapp.reproduce.study import Option, Result, Study, spec_of
from tfapp.reproduce.tv.tables import (
    ASSUMED,
    BASELINE,
    DEFAULT_TRAIN_NOISE,
    SCALES,
    SOURCE,
    TABLES,
    TEST_IMAGES,
    scale_settings,
)

# Options of the study that are options of `TrainConfig`, and come before those of the scale.
OVERRIDES = "epochs steps_per_epoch batch_size resize base_width depth optimizer learning_rate".split()


def study_of(table):
    """Return the `Study` of a `TVTable`."""
    reader = table.subject.reader

    def make(
        data: Annotated[str, Option(help=f"{table.subject.data}: its folder, or {reader}:PATH.")],
        out: Annotated[Path, Option(help="Folder of runs, tables, figures; a killed command resumes there.")],
        scale: Annotated[str, Option(help="small or paper.")] = "small",
        seeds: Annotated[tuple, Option(help="Seeds of training, comma-separated.", text="seeds")] = (0, 1, 2),
        train_noise: Annotated[
            str | None,
            Option(help="Noise on a third of model 2's training images, such as salt-and-pepper=0.01."),
        ] = DEFAULT_TRAIN_NOISE if table.model_number == 2 else None,
        tv_gradient: Annotated[
            str,
            Option(
                help="implicit (of the solution, by 8 steps), jacobian-free, unrolled, or one-step (Jia, Liu, Tai)."
            ),
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
            tuple | None,
            Option(help="Resize images to N or HEIGHTxWIDTH.", show_default="by scale", text="size"),
        ] = None,
        base_width: Annotated[
            int | None, Option(help="Filters of the first level.", show_default="by scale")
        ] = None,
        depth: Annotated[int | None, Option(help="Poolings.", show_default="by scale")] = None,
        optimizer: Annotated[str | None, Option(help="As in `tfapp train`.", show_default="by scale")] = None,
        learning_rate: Annotated[float | None, Option(help="Learning rate.", show_default="by scale")] = None,
        overwrite: Annotated[bool, Option(help="Start again, removing this table's runs in --out.")] = False,
        *,
        progress,
        command,
    ):
        options = dict(locals())
        given = {name: options[name] for name in OVERRIDES if options[name] is not None}
        given |= {"tv_gradient": tv_gradient, "encoder_weights": encoder_weights}
        given["train_noise"] = _train_noise(table, train_noise)
        return make_table(
            table, data, out, scale, seeds, given, overwrite=overwrite, progress=progress, command=command
        )

    return Study(table.name, table.heading, SOURCE, (ASSUMED, BASELINE), SCALES, make, trains=True)


def make_table(table, data, out, scale, seeds, given, *, overwrite, progress, command):
    """Train the pairs of a table, evaluate them, and write its files.

    Args:
        table: A `TVTable`.
        data: Folder of its data, or `READER:PATH`.
        out: Folder to write to.
        scale: One of `SCALES`.
        seeds: Seeds of training.
        given: Options of `TrainConfig` that come before those of the scale.
        overwrite: Whether to remove the table's runs in `out` first.
        progress, command: As of `Study.run`.
    """
    from tfapp.reproduce.tv.pairs import choose_weights, evaluate_pairs, train_pairs
    from tfapp.reproduce.tv.results import TVResult, write_table

    spec = spec_of(data, table.subject.reader, f"Table {table.number} is made of {table.subject.data}")
    config = _config(table, spec, scale, given)
    folder = out / f"model-{table.model_number}"
    pairs = choose_weights(train_pairs(spec, folder, config, seeds, overwrite, progress), progress)
    comparison = evaluate_pairs(pairs, TEST_IMAGES[scale], progress)
    result = TVResult(table, scale, command, pairs, comparison, [])
    shown = [*comparison.tables(), *comparison.remarks(), result.weights()]
    return Result(shown, write_table(result, out))


def _train_noise(table, given):
    if table.model_number == 1 and given is not None:
        raise InputError(
            f"Table {table.number} is of model 1, which trains on clean images; `train_noise` is for model 2, "
            f"tv-table-{table.number + 1}."
        )
    return given


def _config(table, spec, scale, given):
    """Return the `TrainConfig` of all runs, checked against the data before anything is written."""
    from tfapp.data import open_dataset, split_items
    from tfapp.segmentation.config import TrainConfig

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


STUDIES = tuple(study_of(table) for table in TABLES.values())
