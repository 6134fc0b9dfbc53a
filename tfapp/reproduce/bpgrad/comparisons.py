"""Studies that train networks by several solvers: figures 3.16 to 3.19, A.1 to A.8, and table 3.2."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from tfapp.reproduce.bpgrad import SOURCE
from tfapp.reproduce.bpgrad.images import ASSUMED, AUTHORS, IMAGES, setting_of, text_solvers, workload_of
from tfapp.reproduce.study import Option, Result, Study, files_of

# Section 3.4.1: what the figures of one parameter show.
FIRST_EPOCHS = 4
SCALES = {"small": "few epochs.", "paper": "50 epochs of MNIST, 100 of CIFAR-10."}
SWEEP_SCALES = {"small": "4 epochs, as the text shows.", "paper": "the same."}
Data = Annotated[str, Option(help="mnist:PATH or cifar10:PATH.")]
Out = Annotated[Path, Option(help="Folder of trainings and results; a killed command resumes.")]
Scale = Annotated[str, Option(help="small, or paper for the text's epochs.")]
Seeds = Annotated[tuple, Option(help="Seeds, comma-separated.", text="seeds")]
Epochs = Annotated[int | None, Option(min=1, help="Epochs.", show_default="by scale")]
GridEpochs = Annotated[
    int, Option(min=0, help="Epochs of the search for parameters of solvers that --solvers gives none.")
]
Dask = Annotated[str | None, Option(help="local, or a Dask scheduler's address.")]
Solvers = Annotated[
    dict | str, Option(help="As in `tfapp solvers compare`; by default the text's.", text="solvers")
]
Overwrite = Annotated[bool, Option(help="Start again, removing the trainings in --out.")]


def comparison(name, reader):
    """Return the function that compares the text's solvers on the data of a reader."""

    def make(
        data: Data,
        out: Out,
        scale: Scale = "small",
        seeds: Seeds = (0, 1, 2),
        solvers: Solvers = IMAGES[reader].preset,
        epochs: Epochs = None,
        grid_epochs: GridEpochs = 2,
        dask: Dask = None,
        overwrite: Overwrite = False,
        *,
        progress,
        command,
    ):
        from tfapp.solvers.trainings.comparison import compare_solvers

        _, workload = workload_of(name, data, (reader,))
        compared, remarks, written = compare_solvers(
            workload,
            text_solvers(solvers) if isinstance(solvers, str) else solvers,
            seeds,
            epochs or IMAGES[reader].epochs[scale],
            grid_epochs,
            out,
            command=command,
            dask=dask,
            overwrite=overwrite,
            progress=progress,
        )
        return Result([compared.table(), *remarks], written)

    return make


def of_lipschitz(reader, images):
    """Return the settings of figure 3.16: pairs of a solver and L."""
    del images
    values = {"mnist": (10, 15, 20, 50, 100, 500, 1000), "cifar10": (50, 100, 200, 500, 1000)}[reader]
    return [(f"bpgrad{AUTHORS}", float(value)) for value in values]


def of_rho(reader, images):
    """Return the settings of figure 3.17: pairs of a solver with ρ and L."""
    del reader
    return [(f"bpgrad:rho={tenths / 10:g}{AUTHORS}", images.lipschitz) for tenths in range(10)]


def of_option(solver, values, epsilon):
    """Return the function that returns the settings of one of figures A.1 to A.8.

    Args:
        solver: Name of the solver.
        values: Texts of its options.
        epsilon: ε, as text.
    """

    def settings(reader, images):
        del reader
        _, value = setting_of(images.preset, solver)
        return [(f"{solver}:{one}:epsilon={epsilon}", value) for one in values]

    return settings


def sweep(name, readers, settings):
    """Return the function that trains by one solver with several values of a parameter.

    Args:
        name: Of the study.
        readers: Of the data that it takes.
        settings: Function of the reader and its `Images` that returns pairs of a solver's name and value.
    """

    def make(
        data: Data,
        out: Out,
        scale: Scale = "small",
        seeds: Seeds = (0,),
        epochs: Annotated[int, Option(min=1, help="Epochs; the text shows the first 4.")] = FIRST_EPOCHS,
        dask: Dask = None,
        *,
        progress,
        command,
    ):
        from tfapp.files import write_text
        from tfapp.report.result_table import document
        from tfapp.solvers.trainings.comparison import Comparison, save_curves_png, train_jobs
        from tfapp.solvers.trainings.training import Job

        reader, workload = workload_of(name, data, readers)
        images = IMAGES[reader]
        workload = replace(workload, loss_alone=True)
        del scale
        jobs = [
            Job(workload, *setting, seed, epochs) for seed in seeds for setting in settings(reader, images)
        ]
        results = Comparison(train_jobs(jobs, out / "trainings", dask, progress=progress))
        written = files_of(out, f"{name}-{reader}", ".png", ".csv", "-curves.csv", ".md")
        title = f"{workload.model} on {reader}, {epochs} epochs"
        save_curves_png(results, written[0], title)
        results.write_csv(written[1])
        results.write_curves_csv(written[2])
        table = results.table()
        write_text(written[3], document(table, ASSUMED, title=title, source=SOURCE, command=command))
        return Result([table], written)

    return make


def _sweep(number, heading, readers, settings):
    name = f"bpgrad-figure-{number}"
    return Study(name, heading, SOURCE, ASSUMED, SWEEP_SCALES, sweep(name, readers, settings))


def _comparison(number, heading, reader):
    make = comparison(f"Figure {number}", reader)
    return Study(f"bpgrad-figure-{number}", heading, SOURCE, ASSUMED, SCALES, make)


_TENTHS = tuple(f"rho={tenths / 10:g}" for tenths in range(1, 10))
_BETAS = tuple(
    f"beta_1={first}:beta_2={second}"
    for first in ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "0.99")
    for second in ("0.99", "0.999", "0.9999")
)
_SEARCHES = (
    ("Adagrad", "ρ from .1 to 1", of_option("adagrad", (*_TENTHS, "rho=1"), "1e-10")),
    ("Adadelta", "ρ from .1 to .9", of_option("adadelta", _TENTHS, "1e-6")),
    ("RMSProp", "ρ from .1 to .99", of_option("rmsprop", (*_TENTHS, "rho=0.99"), "1e-8")),
    ("Adam", "30 pairs of β₁ and β₂", of_option("adam", _BETAS, "1e-8")),
)
_BOTH = tuple(IMAGES)
STUDIES = (
    _sweep(
        "3.16",
        "Figure 3.16: training objective by BPGrad over the first epochs for several L",
        _BOTH,
        of_lipschitz,
    ),
    _sweep(
        "3.17",
        "Figure 3.17: training objective by BPGrad over the first epochs for ρ from 0 to .9",
        _BOTH,
        of_rho,
    ),
    _comparison("3.18", "Figure 3.18: training objective and test error of seven solvers on MNIST", "mnist"),
    _comparison(
        "3.19",
        "Figure 3.19: training objective and test error of eight solvers, Eve too, on CIFAR-10",
        "cifar10",
    ),
    *(
        _sweep(
            f"A.{place}",
            f"Figure A.{place}: {title} with {words}, on {data}",
            (reader,),
            settings,
        )
        for place, (reader, data, (title, words, settings)) in enumerate(
            (
                (reader, data, one)
                for reader, data in (("mnist", "MNIST"), ("cifar10", "CIFAR-10"))
                for one in _SEARCHES
            ),
            1,
        )
    ),
)
