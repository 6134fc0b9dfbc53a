"""Studies `landscape-table-1` to `-6`, `landscape-figure-2` to `-8` and others of the questions of Lu and Tong."""

from dataclasses import replace
from pathlib import Path

from tfapp.errors import InputError
from tfapp.report.result_table import document
from tfapp.reproduce.landscape.options import check_measuring, config_of, data_of, example_options, options_of
from tfapp.reproduce.landscape.protocol import (
    ASSUMED,
    CHOSEN,
    EQUAL,
    OWN_SCALES,
    PRINTED_LOSS,
    REFERENCE,
    SCALES,
    SCORED,
    SHARPNESS,
    SOURCE,
    SURFACE,
    TITLES,
    epoch_frames,
)
from tfapp.reproduce.landscape.tables import EXAMPLES, TABLES
from tfapp.reproduce.study import Result, Study, as_set, files_of, with_signature

# Of the studies that are none of the paper: points along each axis of their surfaces.
_OWN_POINTS = {"small": 33, "paper": 65}
# The rows of figure 2, by the reader of the data.
TASKS = {"isbi2012": "EM", "drive": "vessels", "raindrop": "raindrops"}


def study_of(table):
    """Return the `Study` of an `FCNTable`."""

    def make(*, progress, command, **options):
        return make_table(table, options, progress=progress, command=command)

    scales = SCALES if table.number else OWN_SCALES
    make = with_signature(make, options_of(table))
    return Study(
        table.name, table.heading, SOURCE, (CHOSEN[table.chosen], ASSUMED), scales, make, trains=True
    )


def make_table(table, options, *, progress, command):
    """Train the networks of a table or figure, measure them, and write its files.

    Args:
        table: An `FCNTable`.
        options: Those of its study, by name; what is left out has its default.
        progress, command: As of `Study.run`.
    """
    options = {one.name: one.default for one in options_of(table)} | options
    check_measuring(options)
    out, scale, seeds = Path(options["out"]), options["scale"], options["seeds"]
    spec = data_of(table, options["data"], options.get("official_split", False))
    config, num_frames = config_of(table, spec, options)
    frames = options["frames"] or epoch_frames(scale, num_frames)
    if table.measure == "surfaces":
        seeds = seeds[:1]
    settings = (spec, out, config, frames, options["overwrite"], progress)
    if table.name == "landscape-orders":
        return _make_orders(table, seeds, settings, options, command)
    trained = _trained(table, seeds, *settings, options)
    make = {"surfaces": _draw_surfaces, "curves": _draw_curves}.get(table.measure, _tabulate)
    return make(table, trained, options, progress, command)


def _trained(table, seeds, spec, out, config, frames, overwrite, progress, options):
    from tfapp.reproduce.landscape.trainings import at_equal_loss, train_to_reference, train_whole

    train = train_to_reference if table.chosen == REFERENCE else train_whole
    trained = train(table, spec, out, config, seeds, frames, overwrite, progress)
    if "until_loss" not in options:
        return trained
    printed = PRINTED_LOSS if options["scale"] == "paper" and table.chosen == EQUAL else None
    return at_equal_loss(table, trained, options["until_loss"] or printed)


def _make_orders(table, seeds, settings, options, command):
    """Train and measure one seed after the other, and write the tables after each: what is done by then is told."""
    from tfapp.runs.ahead import is_ahead

    spec, out, config, frames, overwrite, progress = settings
    if is_ahead():
        _trained(table, seeds, *settings, options)
        overwrite = False
    measured, made = [], None
    for seed in seeds:
        trained = _trained(table, [seed], spec, out, config, frames, overwrite, progress, options)
        measured += _measured(table, trained, options, progress)
        made = _write(table, measured, options, command)
    return made


def _measured(table, trained, options, progress):
    """Return pairs (`TrainedNetwork`, dictionary from column to number)."""
    from tfapp.reproduce.landscape import measures
    from tfapp.reproduce.landscape.epoch_scores import measure_best_scores

    scale = options["scale"]
    if table.measure == "sharpness":
        chosen = SHARPNESS[scale] | _given(options, "samples", "eps")
        own = table.number is None
        measure = measures.measure_both_sharpnesses if own else measures.measure_sharpness
        return measure(trained, progress, **chosen)
    if table.number is None:
        return measures.measure_scores(trained, progress)
    return measure_best_scores(trained, table.reader, options["every"] or SCORED[scale], progress)


def _given(options, *names):
    return {name: options[name] for name in names if options.get(name) is not None}


def _tabulate(table, trained, options, progress, command):
    return _write(table, _measured(table, trained, options, progress), options, command)


def _write(table, measured, options, command, pictures=()):
    """Write the numbers of a table, or those below a figure, and return the `Result`."""
    from tfapp.files import write_text
    from tfapp.reproduce.landscape.results import FCNResult

    result = FCNResult(table, options["scale"], command)
    for one, values in measured:
        result.add(one.network, one.batch_size, one.seed, values)
    written = files_of(options["out"], table.name, ".md", ".csv")
    if table.measure == "sharpness":
        pictures = files_of(options["out"], table.name, ".png")
        result.save_picture(pictures[0])
    shown = [f"![{table.heading}]({picture.name})" for picture in pictures if picture.suffix == ".png"]
    write_text(written[0], result.markdown(*shown))
    result.write_csv(written[1])
    return Result(result.tables(), [*pictures, *written])


def _draw_curves(table, trained, options, progress, command):
    from tfapp.reproduce.landscape.curves import measure_curves, save_loss_curves_png

    (picture,) = files_of(options["out"], table.name, ".png")
    save_loss_curves_png(trained, picture)
    return _write(table, measure_curves(trained), options, command, [picture])


def _draw_surfaces(table, trained, options, progress, command):
    """Write the surfaces with common axes as a picture and as a page: rows are networks, columns batch sizes."""
    from tfapp.landscape import save_html, save_side_by_side_png, side_by_side
    from tfapp.reproduce.landscape.measures import measure_surfaces

    drawn = [one for one in trained if one.network in (table.drawn or table.networks)]
    surfaces = measure_surfaces(drawn, progress, **_surface_options(table, options))
    by_batch = len(table.batch_sizes) > 1
    titles = [TITLES[one.network] + (f", B{one.batch_size}" if by_batch else "") for one in drawn]
    columns = len(table.batch_sizes) if by_batch else len(drawn)
    picture, page = files_of(options["out"], table.name, ".png", ".html")
    save_side_by_side_png(surfaces, titles, picture, columns=columns)
    save_html(side_by_side(surfaces, titles, columns=columns), page)
    found = {id(one): surface.centre for one, surface in zip(drawn, surfaces, strict=True)}
    measured = [(one, {"epoch": one.epoch, **one.losses}) for one in trained]
    for one, values in measured:
        if len(drawn) == len(trained):
            values["loss of the frames"] = found[id(one)]
    return _write(table, measured, options, command, [picture, page])


def _surface_options(table, options):
    scale = options["scale"]
    chosen = SURFACE[scale] | _given(options, "samples")
    if table.number is None:
        return chosen | {
            "n": _OWN_POINTS[scale],
            "range": table.range,
            "directions": "filter",
            "exact": False,
        }
    return chosen | {"n": options["resolution"] + 1} | _given(options, "range", "directions")


def make_examples(*, progress, command, **options):
    """Train the three networks on the data that are given, and draw what they answer; arguments as of `make_table`."""
    from tfapp.files import write_text
    from tfapp.reproduce.landscape.pictures import save_examples_png
    from tfapp.reproduce.landscape.trainings import train_whole

    options = {one.name: one.default for one in example_options()} | options
    tables = {task: replace(EXAMPLES, reader=reader) for reader, task in TASKS.items() if options[reader]}
    if not tables:
        raise InputError("Figure 2 needs data of a task: give `isbi2012`, `drive` or `raindrop` a folder.")
    prepared = {}
    # All that is given is looked at before the first training.
    for task, table in tables.items():
        spec = data_of(table, options[table.reader], options["official_split"])
        config, num_frames = config_of(table, spec, options)
        prepared[task] = table, spec, config, options["frames"] or epoch_frames(options["scale"], num_frames)
    out, seeds = Path(options["out"]), options["seeds"][:1]
    trained = {
        task: train_whole(table, spec, out, config, seeds, frames, options["overwrite"], progress)
        for task, (table, spec, config, frames) in prepared.items()
    }
    text, picture = files_of(out, EXAMPLES.name, ".md", ".png")
    save_examples_png(trained, picture)
    notes = [
        f"Seed {seeds[0]}; the first test image of each task, by the epoch of the smallest training loss.",
        as_set(SCALES[options["scale"]], command),
        ASSUMED,
    ]
    shown = f"![{EXAMPLES.heading}]({picture.name})"
    write_text(text, document(shown, notes, title=EXAMPLES.heading, source=SOURCE, command=command))
    return Result([], [picture, text])


STUDIES = (
    *(study_of(table) for table in TABLES.values()),
    Study(
        EXAMPLES.name,
        EXAMPLES.heading,
        SOURCE,
        ("A row for each task whose data are given.", ASSUMED),
        SCALES,
        with_signature(make_examples, example_options()),
        trains=True,
    ),
)
