"""Studies that train Fast R-CNN by several solvers: table 3.3 and figure 3.22."""

from dataclasses import replace
from typing import Annotated

from tfapp.errors import InputError
from tfapp.reproduce.bpgrad import SOURCE
from tfapp.reproduce.bpgrad.comparisons import Epochs, Out, Seeds, text_solvers
from tfapp.reproduce.study import Option, Result, Study, files_of

PRESET = "wu2020-detection"
# Options of `DetectionConfig` beside the backbone and the solver.
SETTINGS = {
    "small": {
        "proposals": "rpn",
        "frozen_stride": 8,
        "head_width": 512,
        "foreground": 0.5,
        "shorter_side": 384,
        "longer_side": 800,
    },
    "paper": {
        "proposals": "selective-search",
        "pool": "roi-pool",
        "head_width": 4096,
        "shorter_side": 600,
        "longer_side": 1000,
        "frozen_stride": 0,
    },
}
EPOCHS = {"small": 6, "paper": 12}
SCALES = {
    "small": "Faster R-CNN on the backbone that is named, layers of up to stride 8 as they are, up to half of the "
    "regions objects, shorter sides of 384, 6 epochs; for two cores, such as blood cells.",
    "paper": "Fast R-CNN on VGG-16 with RoI pooling and selective search, shorter sides of 600, 12 epochs; for a GPU.",
}
ASSUMED = (
    "Printed numbers are of PASCAL VOC 2007: trained on trainval, tested on test, by the average precision at 11 "
    "recalls. Of Adagrad, RMSProp and Adam the rows did not survive in the text.",
    "Of the rates of Adagrad, RMSProp and Adam, Wu (2020) says that they are the default ones; 0.001 is assumed. SGD "
    "has its second rate from the second half of the epochs on. BPGrad is that of the authors' code, as in figures "
    "3.18 and 3.19.",
    "Biases learn twice as fast as kernels and do not decay, as in MatConvNet, but by BPGrad, which has one step for "
    "all and lets them decay.",
)

Data = Annotated[str, Option(help="Images with boxes: voc2007:PATH, voc-boxes:PATH, coco:PATH.")]
Scale = Annotated[str, Option(help="small, for two cores, or paper, for a GPU.")]
Backbone = Annotated[
    str | None,
    Option(help="At small scale a .keras file or a network of keras.applications; at paper scale vgg16."),
]
Weights = Annotated[
    str | None, Option(help="Of vgg16, with its top, and of keras.applications: a file, or imagenet.")
]
Solvers = Annotated[
    dict | None,
    Option(
        help="As in `tfapp solvers compare`, with values; all are the five of the text with its settings.",
        text="solvers",
    ),
]
OneSeed = Annotated[
    str,
    Option(
        help="Names of solvers that are trained with the first seed alone, to save time, comma-separated."
    ),
]
Nms = Annotated[float, Option(help="Of two boxes of a class that overlap by more, the less likely one goes.")]


def table_3_3(
    data: Data,
    out: Out,
    scale: Scale = "small",
    seeds: Seeds = (0, 1, 2),
    solvers: Solvers = None,
    epochs: Epochs = None,
    backbone: Backbone = None,
    weights: Weights = None,
    one_seed: OneSeed = "",
    nms: Nms = 0.3,
    *,
    progress,
    command,
):
    """Train a detector by every solver and measure the average precision of each class on the test images."""
    from tfapp.detection.detector import Rules
    from tfapp.detection.evaluation import evaluate_run
    from tfapp.files import write_text
    from tfapp.report.result_table import document
    from tfapp.reproduce.bpgrad.detectors import PrecisionTable, printed_table

    config = _config(scale, epochs, backbone, weights)
    chosen = _chosen(solvers, config.epochs)
    table, rules = PrecisionTable(), Rules(nms=nms)
    for solver, value, seed, run in _trained(
        data, out, config, seeds_of(chosen, seeds, one_seed), chosen, progress
    ):
        title = f"testing {run.path.name}" if run else ""
        found = evaluate_run(run.path, rules, progress=progress, title=title)[0] if run else None
        table.add(solver, value, seed, found)
    written = files_of(out, "bpgrad-table-3.3", ".md", ".csv")
    shown, printed = table.table(), printed_table()
    content = document(shown, printed, ASSUMED, title=_title(config, nms), source=SOURCE, command=command)
    write_text(written[0], content)
    table.write_csv(written[1])
    # A terminal has no room for options, and for the twenty classes of the printed rows.
    return Result([shown.columns(0, 1, *range(3, len(shown.header)))], written)


def figure_3_22(
    data: Data,
    out: Out,
    scale: Scale = "small",
    seeds: Seeds = (0,),
    solvers: Solvers = None,
    epochs: Epochs = None,
    backbone: Backbone = None,
    weights: Weights = None,
    one_seed: OneSeed = "",
    *,
    progress,
    command,
):
    """Draw the training losses of box regression and of classification over the epochs of every solver."""
    from tfapp.files import write_text
    from tfapp.report.result_table import document
    from tfapp.reproduce.bpgrad.learning_curves import LearningCurves
    from tfapp.runs.checkpoints import read_history

    config = _config(scale, epochs, backbone, weights)
    chosen = _chosen(solvers, config.epochs)
    columns = {"offsets_loss": "box regression", "scores_loss": "classification"}
    curves, remarks = LearningCurves(columns, "training loss", others=("loss",)), []
    for solver, value, seed, run in _trained(
        data, out, config, seeds_of(chosen, seeds, one_seed), chosen, progress
    ):
        if run is None:
            remarks.append(f"{solver} at {value} with seed {seed} diverged, and has no curve.")
        else:
            curves.add(solver, value, seed, read_history(run.path))
    written = files_of(out, "bpgrad-figure-3.22", ".png", "-curves.csv", ".md")
    curves.save_png(written[0], _title(config))
    curves.write_csv(written[1])
    shown = curves.table()
    content = document(shown, [*ASSUMED, *remarks], title=_title(config), source=SOURCE, command=command)
    write_text(written[2], content)
    return Result([shown, *remarks], written)


def _config(scale, epochs, backbone, weights):
    """Return the `DetectionConfig`, the solver aside.

    Raises:
        InputError: Without a backbone at small scale, or another one than the text's, or no weights, at paper scale.
    """
    from tfapp.detection.config import DetectionConfig

    if scale == "paper":
        if backbone not in (None, "vgg16"):
            raise InputError(
                f"The network of the text is vgg16; got `backbone` {backbone}: leave it out, or use `scale` small."
            )
        if weights is None:
            raise InputError(
                "VGG-16 begins with trained weights at paper scale: give their file, with its top, by `weights`, or "
                "say imagenet to download it."
            )
        backbone = "vgg16"
    elif backbone is None:
        raise InputError(
            "A detector needs a trained backbone: name a .keras file, or a network of keras.applications with its "
            "`weights`, by `backbone`."
        )
    options = SETTINGS[scale] | {"backbone": backbone, "weights": weights, "epochs": epochs or EPOCHS[scale]}
    return DetectionConfig(**options)


def _chosen(solvers, epochs):
    """Return the values of solvers by name; those of the text for all or None, SGD's second rate at half time."""
    from tfapp.optimizers import SOLVERS

    if solvers is not None and solvers != dict.fromkeys(SOLVERS):
        without = [name for name, value in solvers.items() if value is None]
        if without:
            raise InputError(
                f"No value of the parameter of {without[0]} is searched for detectors; give one, as {without[0]}=0.001."
            )
        return solvers
    found = text_solvers(PRESET)
    half = f"@{epochs // 2 + 1}"
    return {
        name: value.replace("@7", half) if isinstance(value, str) else value for name, value in found.items()
    }


def seeds_of(chosen, seeds, one_seed):
    """Return the seeds of each solver by its name: all, or the first.

    Args:
        chosen: Values of solvers by name.
        seeds: All of them.
        one_seed: Names of solvers, without options, that have the first alone, comma-separated.

    Raises:
        InputError: For a name that none of the solvers has.
    """
    from tfapp.optimizers.catalogue import base_of

    alone = [name.strip() for name in one_seed.split(",") if name.strip()]
    bases = {name: base_of(name) for name in chosen}
    unknown = next((name for name in alone if name not in bases.values()), None)
    if unknown is not None:
        raise InputError(f"`one_seed` {unknown} is none of the solvers {', '.join(bases.values())}.")
    return {name: tuple(seeds)[:1] if base in alone else tuple(seeds) for name, base in bases.items()}


def _trained(data, out, config, seeds, chosen, progress):
    """Train, and yield (solver, value, seed, `DetectionRun` or None if it diverged).

    The studies share their trainings, if they have one folder.
    """
    from tfapp.detection.training import train
    from tfapp.reproduce.bpgrad.solver_runs import train_by, training_by
    from tfapp.runs.ahead import do_ahead

    trainings = out / "trainings"
    jobs = [
        (*pair, data, trainings, replace(config, seed=seed))
        for pair in chosen.items()
        for seed in seeds[pair[0]]
    ]
    do_ahead(train, [(training_by(*job), {}) for job in jobs], progress)
    for job in jobs:
        solver, value, *_, own = job
        yield solver, value, own.seed, train_by(train, *job, progress)


def _title(config, nms=None):
    kind = "Faster R-CNN" if config.proposals == "rpn" else "Fast R-CNN"
    backbone = config.backbone.rsplit("/", 1)[-1].removesuffix(".keras")
    rule = f", suppression at {nms:g}" if nms is not None else ""
    return f"{kind} on {backbone}, shorter sides of {config.shorter_side}, {config.epochs} epochs{rule}"


def _study(number, heading, make):
    return Study(f"bpgrad-{number}", heading, SOURCE, ASSUMED, SCALES, make, trains=True)


STUDIES = (
    _study(
        "table-3.3", "Table 3.3: detectors trained by five solvers, beside the printed numbers", table_3_3
    ),
    _study("figure-3.22", "Figure 3.22: training losses of detectors by five solvers", figure_3_22),
)
