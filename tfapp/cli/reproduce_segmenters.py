"""`tfapp reproduce bpgrad-table-3.4`: FCN-32s trained by every solver."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import print_table, print_written
from tfapp.cli.reproduce_options import check_scale, parse_seeds, typed
from tfapp.cli.train import train_with_progress
from tfapp.files import check_folder

Option = typer.Option
_COMMON = {"model": "fcn-32s", "head": "softmax", "weight_decay": 0.0005, "augment": "mirror"}
SCALES = {
    "small": _COMMON
    | {
        "base_width": 16,
        "dropout": 0.0,
        "batch_size": 8,
        "epochs": 8,
        "steps_per_epoch": 50,
        "resize": (96, 128),
    },
    "paper": _COMMON | {"base_width": 64, "batch_size": 20, "epochs": 50},
}
GRID_EPOCHS = {"small": 2, "paper": 5}


def table_3_4(
    context: typer.Context,
    data: Annotated[str, Option(help="Images with masks: camvid:PATH, folder:PATH, ...")],
    out: Annotated[Path, Option(help="Folder of trainings and results; a killed command goes on.")],
    scale: Annotated[str, Option(help="small, for two cores, or paper, for a GPU.")] = "small",
    seeds: Annotated[str, Option(help="Seeds, comma-separated.")] = "0,1,2",
    solvers: Annotated[str, Option(help="Comma-separated; `tfapp solvers compare --help` has them.")] = "all",
    epochs: Annotated[int | None, Option(min=1, help="Epochs.", show_default="by scale")] = None,
    grid_epochs: Annotated[
        int | None, Option(min=0, help="Epochs of the search for parameters.", show_default="by scale")
    ] = None,
    encoder_weights: Annotated[str | None, Option(help="File with VGG-16's weights, at paper scale.")] = None,
):
    """Table 3.4: FCN-32s trained by every solver, best parameter by the loss of the validation images.

    The dissertation has PASCAL VOC 2011 with VGG-16's weights; that it is this number is our reading.
    """
    check_scale(scale, SCALES)
    numbers = parse_seeds(seeds)
    check_folder(out)
    from tfapp.cli.solvers_compare import chosen_solvers
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad.segmenters import HEADER, SolverTable
    from tfapp.segmentation.config import TrainConfig

    config = TrainConfig(**SCALES[scale], encoder_weights=encoder_weights)
    config = replace(config, epochs=epochs or config.epochs)
    searching = replace(config, epochs=GRID_EPOCHS[scale] if grid_epochs is None else grid_epochs)
    table = SolverTable()
    for name, given in chosen_solvers(solvers).items():
        value = given if given is not None else _best_value(data, out / "grid", searching, name)
        for seed in numbers:
            run = _train(data, out / "trainings", replace(config, seed=seed), name, value)
            table.add(name, *_described(name), value, seed, run and _clean_row(run))
    written = [out / f"bpgrad-table-3.4{suffix}" for suffix in (".md", ".csv")]
    write_text(written[0], f"{table.markdown()}\n```\n{typed(context)}\n```\n")
    table.write_csv(written[1])
    print_table(HEADER, table.rows())
    print_written(*written)


def _described(name):
    from tfapp.optimizers import SOLVERS

    return SOLVERS[name].title, SOLVERS[name].parameter


def _best_value(data, out, config, name):
    """Return the value with the smallest loss on the validation images after a short training."""
    from tfapp.optimizers import SOLVERS
    from tfapp.runs.history import read_history

    solver = SOLVERS[name]
    if len(solver.values) == 1 or not config.epochs:
        return solver.value
    losses = {}
    for value in solver.values:
        run = _train(data, out, config, name, value)
        if run:
            losses[value] = read_history(run.path)[-1]["val_loss"]
    return min(losses, key=losses.get) if losses else solver.value


def _train(data, out, config, name, value):
    """Return the run, or None if it diverged."""
    from tfapp.reproduce.bpgrad.segmenters import solver_options
    from tfapp.runs.callbacks import TrainingDiverged

    folder = f"{name}-{value}-seed{config.seed}"
    options = solver_options(name, _described(name)[1], value)
    try:
        return train_with_progress(data, out / folder, replace(config, **options), title=folder)
    except TrainingDiverged:
        return None


def _clean_row(run):
    from tfapp.data import parse_noises
    from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate

    return evaluate(Segmenter(run), EvaluationData(run), parse_noises(["gaussian=0"])).rows[0]


COMMANDS = {"bpgrad-table-3.4": table_3_4}
