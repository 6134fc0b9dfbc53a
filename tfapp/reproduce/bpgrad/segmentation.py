"""Studies that train FCN-32s by several solvers: table 3.4, figures 3.23 and A.10."""

from dataclasses import replace
from typing import Annotated

from tfapp.errors import InputError
from tfapp.reproduce.bpgrad import SOURCE
from tfapp.reproduce.bpgrad.comparisons import Epochs, Out, Seeds, text_solvers
from tfapp.reproduce.bpgrad.imagenet import adam_settings
from tfapp.reproduce.study import Option, Result, Study, files_of

PRESET = "wu2020-segmentation"
# Options of `TrainConfig` for FCN-32s, and epochs of the search for parameters.
_FCN = {"model": "fcn-32s", "head": "softmax", "weight_decay": 0.0005, "augment": "mirror"}
_SLIM = {"base_width": 16, "dropout": 0.0, "batch_size": 8, "epochs": 8, "steps_per_epoch": 50}
_CROPS = {"crop": (500, 500), "crop_border": "void"}
FCN_SETTINGS = {
    "small": _FCN | _SLIM | {"resize": (96, 128)},
    "paper": _FCN | _CROPS | {"base_width": 64, "batch_size": 20, "epochs": 50},
}
FCN_GRID_EPOCHS = 2
SCALES = {
    "small": "a quarter of the filters, from random weights, on images of 96x128; 8 epochs of 50 batches of 8, and the "
    "parameter of each solver that is best on validation images after 2; for CamVid.",
    "paper": "FCN-32s with VGG-16's weights on mirrored crops of 500x500, 50 epochs with batches of 20, the settings "
    "of appendix A.9; for PASCAL VOC 2011 and a GPU.",
}
# Columns of `history.csv` that figures 3.23 and A.10 show, with the titles of their panels.
CURVES = {"accuracy": "training images", "val_accuracy": "validation images"}
_SHOWN = {"factor": 100, "digits": 1, "others": ("loss", "val_loss"), "shared": True}
ASSUMED = (
    "Printed numbers are of PASCAL VOC 2011, trained on its list train and tested on val, whose images are watched "
    "during the training too; nothing is chosen by them. Wu (2020) says test, whose masks were never published.",
    "Wu (2020) says neither batches nor crops: those of MatConvNet's FCN are assumed, 20 of 500x500, mirrored at "
    "random, with void around smaller ones. There biases learn twice as fast as kernels, and decay; here they do "
    "neither, but that BPGrad lets them decay.",
    "Epsilon of Adadelta is the 1e-9 of section 3.4.5, where appendix A.9 has 1e-6. BPGrad is that of the authors' "
    "code, as in figures 3.18 and 3.19.",
)

Data = Annotated[str, Option(help="Images with masks: voc2011:PATH, camvid:PATH, folder:PATH, ...")]
Scale = Annotated[str, Option(help="small, for two cores, or paper, for a GPU.")]
Solvers = Annotated[
    dict | None,
    Option(
        help="As in `tfapp solvers compare`; all are the six of the text, whose values are searched at small scale.",
        text="solvers",
    ),
]
GridEpochs = Annotated[
    int, Option(min=0, help="Epochs of the search for parameters of solvers that --solvers gives none.")
]
EncoderWeights = Annotated[
    str | None,
    Option(help="File with VGG-16's weights and its top, imagenet to download it, or none at paper scale."),
]


def table_3_4(
    data: Data,
    out: Out,
    scale: Scale = "small",
    seeds: Seeds = (0, 1, 2),
    solvers: Solvers = None,
    epochs: Epochs = None,
    grid_epochs: GridEpochs = FCN_GRID_EPOCHS,
    encoder_weights: EncoderWeights = None,
    *,
    progress,
    command,
):
    """Train FCN-32s by every solver and measure mean IU, pixel accuracy, mean accuracy and their mean."""
    from tfapp.files import write_text
    from tfapp.report.result_table import document
    from tfapp.reproduce.bpgrad.segmenters import SolverTable, clean_row

    chosen = _chosen(solvers, scale)
    config = _config(scale, epochs, encoder_weights)
    table = SolverTable()
    for solver, value, seed, run in _trained(data, out, config, seeds, chosen, grid_epochs, progress):
        table.add(solver, value, seed, run and clean_row(run))
    written = files_of(out, "bpgrad-table-3.4", ".md", ".csv")
    shown = table.table()
    write_text(written[0], document(shown, ASSUMED, title=_title(config), source=SOURCE, command=command))
    table.write_csv(written[1])
    # A terminal has no room for options, and for what is printed of each measure: of the average alone.
    return Result([shown.columns(0, 1, 3, 5, 7, 9, 10)], written)


def figure_3_23(
    data: Data,
    out: Out,
    scale: Scale = "small",
    seeds: Seeds = (0,),
    solvers: Solvers = None,
    epochs: Epochs = None,
    grid_epochs: GridEpochs = FCN_GRID_EPOCHS,
    encoder_weights: EncoderWeights = None,
    *,
    progress,
    command,
):
    """Draw the learning curves of FCN-32s by every solver, on training and on validation images."""
    chosen, config = _chosen(solvers, scale), _config(scale, epochs, encoder_weights)
    trained = _trained(data, out, config, seeds, chosen, grid_epochs, progress)
    return _curves("bpgrad-figure-3.23", trained, config, out, command)


def figure_a_10(
    data: Data,
    out: Out,
    scale: Scale = "small",
    seeds: Seeds = (0,),
    epochs: Epochs = None,
    encoder_weights: EncoderWeights = None,
    *,
    progress,
    command,
):
    """Draw the learning curves of FCN-32s by Adam with two values of beta_1."""
    # At small scale, with random weights, the rate for a network with trained ones would move it nowhere.
    chosen = {name: rate if scale == "paper" else 0.001 for name, rate in adam_settings(PRESET).items()}
    config = _config(scale, epochs, encoder_weights)
    trained = _trained(data, out, config, seeds, chosen, 0, progress)
    return _curves("bpgrad-figure-A.10", trained, config, out, command)


def _chosen(solvers, scale):
    """Return the values of solvers by name, None for those that are searched; those of the text for all or None."""
    from tfapp.optimizers import SOLVERS

    if solvers is not None and solvers != dict.fromkeys(SOLVERS):
        return solvers
    found = text_solvers(PRESET)
    return found if scale == "paper" else dict.fromkeys(found)


def _config(scale, epochs, encoder_weights):
    """Return the `TrainConfig`, the solver aside.

    Raises:
        InputError: At paper scale, without a word on the weights of VGG-16, or with some that lack the top.
    """
    from tfapp.models.vgg_weights import TOP_FILE_NAME, has_fully_connected
    from tfapp.segmentation.config import TrainConfig

    if scale == "paper":
        if encoder_weights is None:
            raise InputError(
                "FCN-32s begins with the weights of VGG-16 at paper scale: give their file, such as "
                f"{TOP_FILE_NAME}, by `encoder_weights`, or say imagenet to download it or none for random ones."
            )
        if encoder_weights != "none" and not has_fully_connected(encoder_weights):
            raise InputError(
                f"{encoder_weights} has no fully connected layers, which fc6 and fc7 of FCN-32s begin with; give a "
                f"file of VGG-16 with its top, such as {TOP_FILE_NAME}."
            )
    weights = None if encoder_weights == "none" else encoder_weights
    config = TrainConfig(**FCN_SETTINGS[scale], encoder_weights=weights)
    return replace(config, epochs=epochs or config.epochs)


def _trained(data, out, config, seeds, chosen, grid_epochs, progress):
    """Search the values that are None, train, and yield (solver, value, seed, `Run` or None if it diverged).

    The studies share their trainings, if they have one folder.
    """
    from tfapp.reproduce.bpgrad.segmenters import best_value, tried_values
    from tfapp.reproduce.bpgrad.solver_runs import train_by, training_by
    from tfapp.runs.ahead import do_ahead
    from tfapp.segmentation.training import train

    if data.partition(":")[0] in ("voc2011", "voc2012") and "?" not in data:
        data = f"{data}?validation=val"
    searching = replace(config, epochs=grid_epochs)
    grid, trainings = out / "grid", out / "trainings"
    searched = [name for name, value in chosen.items() if value is None]
    tried = [(name, value) for name in searched for value in tried_values(name, searching)]
    searches = [training_by(*pair, data, grid, searching) for pair in tried]
    do_ahead(train, [(search, {}) for search in searches], progress, "search ahead")
    values = {
        name: best_value(data, grid, searching, name, progress) if given is None else given
        for name, given in chosen.items()
    }
    jobs = [(*pair, data, trainings, replace(config, seed=seed)) for pair in values.items() for seed in seeds]
    do_ahead(train, [(training_by(*job), {}) for job in jobs], progress)
    for job in jobs:
        solver, value, *_, own = job
        yield solver, value, own.seed, train_by(train, *job, progress)


def _curves(name, trained, config, out, command):
    from tfapp.files import write_text
    from tfapp.report.result_table import document
    from tfapp.reproduce.bpgrad.learning_curves import LearningCurves
    from tfapp.runs.checkpoints import read_history

    curves, remarks = LearningCurves(CURVES, "pixel accuracy, %", **_SHOWN), []
    for solver, value, seed, run in trained:
        if run is None:
            remarks.append(f"{solver} at {value} with seed {seed} diverged, and has no curve.")
        else:
            curves.add(solver, value, seed, read_history(run.path))
    written = files_of(out, name, ".png", "-curves.csv", ".md")
    curves.save_png(written[0], _title(config))
    curves.write_csv(written[1])
    shown = curves.table()
    content = document(shown, [*ASSUMED, *remarks], title=_title(config), source=SOURCE, command=command)
    write_text(written[2], content)
    return Result([shown, *remarks], written)


def _title(config):
    size = config.crop or config.resize
    cut = "crops" if config.crop else "images"
    weights = "VGG-16's weights" if config.encoder_weights else "random weights"
    return f"FCN-32s of width {config.base_width}, {weights}, {cut} of {size[0]}x{size[1]}, {config.epochs} epochs"


def _study(number, heading, make):
    return Study(f"bpgrad-{number}", heading, SOURCE, ASSUMED, SCALES, make, trains=True)


STUDIES = (
    _study("table-3.4", "Table 3.4: FCN-32s trained by six solvers, beside the printed numbers", table_3_4),
    _study(
        "figure-3.23",
        "Figure 3.23: learning curves of FCN-32s by six solvers, on training and validation images",
        figure_3_23,
    ),
    _study("figure-A.10", "Figure A.10: FCN-32s by Adam with beta_1 of .9 and of .99", figure_a_10),
)
