"""Studies `landscape-table-1` to `-6` and `landscape-figure-3` to `-8`: those of Lu and Tong."""

from pathlib import Path
from typing import Annotated

from tfapp.reproduce.landscape.tables import (
    ASSUMED,
    EQUAL_LOSS,
    SCALES,
    SHARPNESS,
    SOURCE,
    SURFACE,
    TABLES,
    epoch_frames,
    scale_settings,
)
from tfapp.reproduce.study import Option, Result, Study, files_of, spec_of

# Options of the study that are options of `TrainConfig`, and come before those of the scale.
OVERRIDES = "epochs base_width learning_rate resize patch overlap".split()


def study_of(table):
    """Return the `Study` of an `FCNTable`."""

    def make(
        data: Annotated[str, Option(help=f"Folder of the data, or {table.reader}:PATH.")],
        out: Annotated[
            Path,
            Option(help="Folder of runs and results; tables and figures with the same one share the runs."),
        ],
        scale: Annotated[str, Option(help="small or paper.")] = "small",
        seeds: Annotated[
            tuple, Option(help="Seeds of training, comma-separated; figures show the first.", text="seeds")
        ] = (0, 1, 2),
        epochs: Annotated[int | None, Option(help="Epochs at most.", show_default="by scale")] = None,
        frames: Annotated[
            int | None,
            Option(
                min=1,
                help="Frames of one epoch, augmented ones counted.",
                show_default="432 at small scale, eight times the training set at paper scale",
            ),
        ] = None,
        base_width: Annotated[
            int | None, Option(help="Filters of the first level.", show_default="by scale")
        ] = None,
        learning_rate: Annotated[float | None, Option(help="Learning rate.", show_default="by scale")] = None,
        resize: Annotated[
            tuple | None,
            Option(help="Resize images to N or HEIGHTxWIDTH.", show_default="by scale", text="size"),
        ] = None,
        patch: Annotated[int | None, Option(help="Cut square patches.", show_default="by scale")] = None,
        overlap: Annotated[
            int | None, Option(help="Pixels that neighbouring patches share.", show_default="by scale")
        ] = None,
        samples: Annotated[
            int | None,
            Option(
                min=1,
                help="Training frames that sharpness and surfaces are measured on.",
                show_default="by scale",
            ),
        ] = None,
        overwrite: Annotated[bool, Option(help="Start again, removing this table's runs in --out.")] = False,
        *,
        progress,
        command,
    ):
        options = dict(locals())
        given = {name: options[name] for name in OVERRIDES if options[name] is not None}
        options = {"overwrite": overwrite, "progress": progress, "command": command}
        return make_table(table, data, out, scale, seeds, given, frames, samples, **options)

    return Study(table.name, table.heading, SOURCE, (ASSUMED, EQUAL_LOSS), SCALES, make, trains=True)


def make_table(table, data, out, scale, seeds, given, frames, samples, *, overwrite, progress, command):
    """Train the networks of a table or figure, measure them, and write its files.

    Args:
        table: An `FCNTable`.
        data: Folder of its data, or `READER:PATH`.
        out: Folder to write to.
        scale: One of `SCALES`.
        seeds: Seeds of training; surfaces are of the first.
        given: Options of `TrainConfig` that come before those of the scale.
        frames: Frames of an epoch, or None for the scale's.
        samples: Frames to measure sharpness and surfaces on, or None for the scale's.
        overwrite: Whether to remove the table's runs in `out` first.
        progress, command: As of `Study.run`.
    """
    from tfapp.reproduce.landscape.steps import measure_surfaces, train_networks

    spec = spec_of(data, table.reader, f"{table.name} is made of other data")
    config, num_frames = _config(table, spec, scale, given)
    if table.measure == "surfaces":
        seeds = seeds[:1]
    frames = frames or epoch_frames(scale, num_frames)
    trained = train_networks(table, spec, out, config, seeds, frames, overwrite, progress)
    if table.measure == "surfaces":
        options = SURFACE[scale] | ({"samples": samples} if samples else {})
        return Result([], _draw(table, trained, measure_surfaces(trained, progress, **options), out))
    return _tabulate(table, scale, command, trained, samples, out, progress)


def _config(table, spec, scale, given):
    """Return the `TrainConfig` of all runs, checked before anything is written, and the training frames."""
    from tfapp.data import Frames, choose_framing, open_dataset, split_items
    from tfapp.segmentation.config import TrainConfig

    config = TrainConfig(**scale_settings(table.reader, scale) | given)
    config.check()
    dataset = open_dataset(spec)
    framing = choose_framing(dataset, 2**config.depth, config.resize, config.patch, config.overlap)
    split = split_items(dataset, config.split_seed, config.test_share, config.validation_share)
    return config, len(Frames(dataset, dataset.select(split.train), framing))


def _tabulate(table, scale, command, trained, samples, out, progress):
    from tfapp.files import write_text
    from tfapp.models import TITLES
    from tfapp.reproduce.landscape.results import FCNResult
    from tfapp.reproduce.landscape.steps import measure_scores, measure_sharpness

    if table.measure == "scores":
        measured = measure_scores(trained, progress)
    else:
        options = SHARPNESS[scale] | ({"samples": samples} if samples else {})
        measured = measure_sharpness(trained, progress, **options)
    result = FCNResult(table, scale, command, TITLES)
    for one, values in measured:
        result.add(one.network, one.batch_size, one.seed, values)
    written = files_of(out, table.name, ".md", ".csv")
    write_text(written[0], result.markdown())
    result.write_csv(written[1])
    return Result(result.tables(), written)


def _draw(table, trained, surfaces, out):
    """Write the surfaces with common axes as a picture and as a page, and return their paths."""
    from tfapp.landscape import save_html, save_side_by_side_png, side_by_side
    from tfapp.models import TITLES

    # One row for each batch size, so that a network's two surfaces stand above each other.
    pairs = sorted(zip(trained, surfaces, strict=True), key=lambda pair: pair[0].batch_size)
    titles = [_title(table, TITLES[one.network], one.batch_size) for one, _ in pairs]
    surfaces, columns = [surface for _, surface in pairs], len(table.networks)
    picture, page = files_of(out, table.name, ".png", ".html")
    save_side_by_side_png(surfaces, titles, picture, columns=columns)
    save_html(side_by_side(surfaces, titles, columns=columns), page)
    return [picture, page]


def _title(table, network, batch_size):
    return network if len(table.batch_sizes) == 1 else f"{network}, batch {batch_size}"


STUDIES = tuple(study_of(table) for table in TABLES.values())
