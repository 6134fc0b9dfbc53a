"""Studies that train AlexNet with batch normalisation on ImageNet: figures 3.21 and A.9, and table 3.2."""

from typing import Annotated

from tfapp.errors import InputError
from tfapp.reproduce.bpgrad import SOURCE
from tfapp.reproduce.bpgrad.comparisons import (
    Dask,
    Epochs,
    GridEpochs,
    Out,
    Overwrite,
    Seeds,
    Solvers,
    text_solvers,
)
from tfapp.reproduce.bpgrad.images import setting_of
from tfapp.reproduce.study import Option, Result, Study, files_of

PRESET = "wu2020-imagenet"
# MatConvNet's factors of the rate: of biases and of the scales of batch normalisation.
FACTORS = "bias=2,gamma=2"
# Options of `Workload` beside the network, and epochs.
SETTINGS = {
    "small": ({"size": 64, "batch_size": 64, "augment": "crop-mirror"}, 6),
    "paper": ({"size": 227, "batch_size": 256, "augment": "crop-mirror"}, 20),
}
SCALES = {
    "small": "images of 64x64, batches of 64, 6 epochs: for few images, such as Imagenette's.",
    "paper": "images of 227x227, batches of 256, 20 epochs; for a GPU.",
}
# Appendix A.2: β₁ of Adam as usual, and the other one.
BETAS = ("0.9", "0.99")
ASSUMED = (
    "The network is MatConvNet's AlexNet with batch normalisation, to which its 20 epochs and rates from 0.1 to 0.0001 "
    "belong; Wu (2020) says AlexNet. Rates of all solvers but BPGrad are twice as high for biases and scales, as in "
    "MatConvNet; the decay of the weights counts for these too, where it leaves them out.",
    "Of the rates of Adagrad, RMSProp and Adam, Wu (2020) says that they are the default ones; 0.001 is assumed.",
    "BPGrad is that of the authors' code, as in figures 3.18 and 3.19. Objectives are without the decay, and training "
    "errors are means over an epoch, while the network changes. Images are cropped and mirrored at random.",
)

Data = Annotated[
    str, Option(help="Folder, or imagenet:PATH, with train/CLASS/ and val/CLASS/ or test/CLASS/.")
]
Scale = Annotated[str, Option(help="small, or paper for the text's training.")]


def figure_3_21(
    data: Data,
    out: Out,
    scale: Scale = "small",
    seeds: Seeds = (0,),
    solvers: Solvers = PRESET,
    epochs: Epochs = None,
    grid_epochs: GridEpochs = 1,
    dask: Dask = None,
    overwrite: Overwrite = False,
    *,
    progress,
    command,
):
    """Draw training objective and validation error over the epochs of every solver."""
    chosen = text_solvers(solvers) if isinstance(solvers, str) else solvers
    options = {"dask": dask, "overwrite": overwrite, "progress": progress, "command": command}
    compared, remarks, written = _compared(data, out, scale, seeds, chosen, epochs, grid_epochs, **options)
    return Result([compared.table(), *remarks], written)


def figure_a_9(
    data: Data,
    out: Out,
    scale: Scale = "small",
    seeds: Seeds = (0,),
    epochs: Epochs = None,
    dask: Dask = None,
    overwrite: Overwrite = False,
    *,
    progress,
    command,
):
    """Draw training objective and validation error over the epochs of Adam with two values of beta_1."""
    chosen = adam_settings(PRESET)
    options = {"dask": dask, "overwrite": overwrite, "progress": progress, "command": command}
    compared, remarks, written = _compared(data, out, scale, seeds, chosen, epochs, 0, **options)
    return Result([compared.table(), *remarks], written)


def table_3_2(
    data: Data,
    out: Out,
    scale: Scale = "small",
    seeds: Seeds = (0, 1, 2),
    solvers: Solvers = PRESET,
    epochs: Epochs = None,
    grid_epochs: GridEpochs = 1,
    dask: Dask = None,
    overwrite: Overwrite = False,
    *,
    progress,
    command,
):
    """Measure training and validation error after the last epoch of every solver, beside the printed ones."""
    from tfapp.files import write_text
    from tfapp.report.result_table import document

    chosen = text_solvers(solvers) if isinstance(solvers, str) else solvers
    options = {"dask": dask, "overwrite": overwrite, "progress": progress, "command": command}
    compared, remarks, written = _compared(data, out, scale, seeds, chosen, epochs, grid_epochs, **options)
    [file] = files_of(out, "bpgrad-table-3.2", ".md")
    table, title = error_table(compared), STUDIES[1].heading
    content = document(table, [*ASSUMED, *remarks], title=title, source=SOURCE, command=command)
    write_text(file, content)
    return Result([table, *remarks], [file, *written])


def adam_settings(preset) -> dict:
    """Return Adam as a preset has it, by name, with each value of beta_1 and the preset's rate."""
    name, rate = setting_of(preset, "adam")
    usual = f"beta_1={BETAS[0]}"
    return {name.replace(usual, f"beta_1={beta}"): rate for beta in BETAS}


def error_table(results):
    """Return a row for each solver: its top-1 errors in percent, and the printed ones of table 3.2.

    Args:
        results: `tfapp.solvers.trainings.comparison.Comparison`.

    Returns:
        `ResultTable`, best validation error first; solvers all of whose trainings diverged are last.
    """
    import numpy as np

    from tfapp.optimizers.catalogue import base_of, solver_of, value_text
    from tfapp.report.result_table import DASH, ResultTable, mean_and_spread
    from tfapp.reproduce.bpgrad.published import published_row

    rows = []
    for (name, value), trained in results.groups.items():
        kept = [one for one in trained if not one["diverged"]]
        lost = "" if len(kept) == len(trained) else f" ({len(trained) - len(kept)} diverged)"
        printed = published_row("3.2", base_of(name)) or (DASH, DASH)
        cells = [results.title(name, value) + lost, f"{solver_of(name).symbol} {value_text(value)}"]
        for measure, number in zip(("train_error", "test_error"), printed, strict=True):
            cells += [mean_and_spread([one[measure] for one in kept], ".1f"), number]
        rows.append((np.mean([one["test_error"] for one in kept]) if kept else np.inf, cells))
    header = ("solver", "parameter", "training error %", "printed", "validation error %", "printed")
    return ResultTable(header, [cells for _, cells in sorted(rows, key=lambda row: row[0])])


def _compared(data, out, scale, seeds, chosen, epochs, grid_epochs, **options):
    """Return what `compare_solvers` does; the studies share their trainings, if they have one folder."""
    from tfapp.data import names_classification, open_classification
    from tfapp.solvers.trainings.comparison import compare_solvers
    from tfapp.solvers.trainings.workload import Workload

    if not names_classification(data):
        data = f"imagenet:{data}"
    if data.partition(":")[0] != "imagenet":
        raise InputError(
            f"It is made of ImageNet: expected `data` FOLDER or imagenet:FOLDER; got {data!r}. MNIST is that of "
            "bpgrad-figure-3.18, CIFAR-10 of bpgrad-figure-3.19."
        )
    own, usual = SETTINGS[scale]
    spec = open_classification(data).spec
    workload = Workload(spec, "alexnet-bn", loss_alone=True, rate_factors=FACTORS, **own)
    return compare_solvers(workload, chosen, seeds, epochs or usual, grid_epochs, out, **options)


def _study(number, heading, make):
    return Study(f"bpgrad-{number}", heading, SOURCE, ASSUMED, SCALES, make)


STUDIES = (
    _study(
        "figure-3.21",
        "Figure 3.21: training objective and validation top-1 error of six solvers on ImageNet",
        figure_3_21,
    ),
    _study("table-3.2", "Table 3.2: top-1 errors on ImageNet, beside the printed ones", table_3_2),
    _study("figure-A.9", "Figure A.9: Adam with beta_1 of .9 and of .99 on ImageNet", figure_a_9),
)
