"""Study that trains a segmenter by every solver: table 3.4."""

from dataclasses import replace
from typing import Annotated

from tfapp.report.result_table import code, document
from tfapp.reproduce.bpgrad import SOURCE
from tfapp.reproduce.bpgrad.comparisons import SCALES, Epochs, GridEpochs, Out, Scale, Seeds
from tfapp.reproduce.study import Option, Result, Study, files_of

# Options of `TrainConfig` for FCN-32s, and epochs of the search for its parameters.
_FCN = {"model": "fcn-32s", "head": "softmax", "weight_decay": 0.0005, "augment": "mirror"}
_SLIM = {"base_width": 16, "dropout": 0.0, "batch_size": 8, "epochs": 8, "steps_per_epoch": 50}
FCN_SETTINGS = {
    "small": _FCN | _SLIM | {"resize": (96, 128)},
    "paper": _FCN | {"base_width": 64, "batch_size": 20, "epochs": 50},
}
FCN_GRID_EPOCHS = {"small": 2, "paper": 5}


def table_3_4(
    data: Annotated[str, Option(help="Images with masks: camvid:PATH, folder:PATH, ...")],
    out: Out,
    scale: Scale = "small",
    seeds: Seeds = (0, 1, 2),
    solvers: Annotated[
        dict | None,
        Option(help="Comma-separated; `tfapp solvers compare --help` has them.", text="solvers"),
    ] = None,
    epochs: Epochs = None,
    grid_epochs: GridEpochs = None,
    encoder_weights: Annotated[str | None, Option(help="File with VGG-16's weights, at paper scale.")] = None,
    *,
    progress,
    command,
):
    """Train FCN-32s by every solver, each with the parameter that has the lowest loss on validation images."""
    from tfapp.files import write_text
    from tfapp.optimizers import SOLVERS
    from tfapp.reproduce.bpgrad.segmenters import (
        SolverTable,
        best_value,
        clean_row,
        train_by,
        training_by,
        tried_values,
    )
    from tfapp.runs.ahead import do_ahead
    from tfapp.segmentation.config import TrainConfig
    from tfapp.segmentation.training import train

    config = TrainConfig(**FCN_SETTINGS[scale], encoder_weights=encoder_weights)
    config = replace(config, epochs=epochs or config.epochs)
    searching = replace(config, epochs=FCN_GRID_EPOCHS[scale] if grid_epochs is None else grid_epochs)
    grid, trainings = out / "grid", out / "trainings"
    values = dict.fromkeys(SOLVERS) if solvers is None else solvers
    tried = [
        (name, value) for name in values if values[name] is None for value in tried_values(name, searching)
    ]
    searches = [training_by(*pair, data, grid, searching) for pair in tried]
    do_ahead(train, [(search, {}) for search in searches], progress, "search ahead")
    values = {
        name: best_value(data, grid, searching, name, progress) if given is None else given
        for name, given in values.items()
    }
    jobs = [(*pair, data, trainings, replace(config, seed=seed)) for pair in values.items() for seed in seeds]
    do_ahead(train, [(training_by(*job), {}) for job in jobs], progress)
    table = SolverTable()
    for job in jobs:
        (name, value, *_, own), run = job, train_by(*job, progress)
        solver = SOLVERS[name]
        table.add(name, solver.title, solver.parameter, value, own.seed, run and clean_row(run))
    written = files_of(out, "bpgrad-table-3.4", ".md", ".csv")
    shown = table.table()
    write_text(written[0], document(shown, code(command)))
    table.write_csv(written[1])
    return Result([shown], written)


_HEADING_3_4 = (
    "Table 3.4: FCN-32s trained by every solver, best parameter by the loss of the validation images"
)
_ASSUMED_3_4 = "Wu (2020) has PASCAL VOC 2011 with VGG-16's weights. The number of the table is assumed."
STUDIES = (
    Study(
        "bpgrad-table-3.4",
        _HEADING_3_4,
        SOURCE,
        (_ASSUMED_3_4,),
        SCALES,
        table_3_4,
        help=f"{_HEADING_3_4}.\n\n{_ASSUMED_3_4}",
        trains=True,
    ),
)
