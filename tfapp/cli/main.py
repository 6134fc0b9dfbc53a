"""Command `tfapp`.

    tfapp data show SPEC              look at a dataset
    tfapp data check SPEC             read all of it, and say what may be wrong
    tfapp train SPEC --out RUN        train a segmenter
    tfapp lr-find SPEC --out DIR      a learning rate for it, below the one that diverges
    tfapp evaluate RUN...             noise table of one or several runs
    tfapp predict RUN IMAGES --out D  label one's own images
    tfapp tune-tv RUN                 weight of total variation behind a trained segmenter
    tfapp landscape RUN               loss surface around the solution
    tfapp sharpness RUN...            how much the loss can rise near it
    tfapp signal MODEL DATA           where the signal through a network dies or explodes
    tfapp smoothness MODEL DATA       loss and gradient along the steps of a training, with and without batch norm
    tfapp solvers compare SPEC        BPGrad and others on images; paths and plane: where they go
    tfapp solvers lipschitz MODEL     a Lipschitz constant from a short training
    tfapp solvers minimise NAME       a minimum with a certificate; solvers search: against others
    tfapp pose simulate --part nut    depth images of parts in a bin
    tfapp pose landscape SCENES       loss as one of the parts turns around its true pose
    tfapp transfer train SPEC         better features of low-resolution images
    tfapp detect proposals SPEC       boxes that may hold an object, and how many objects they find
    tfapp export RUN BASE_DIR         SavedModel for TensorFlow Serving
    tfapp report RUN...               one self-contained page
    tfapp reproduce noise-table SPEC  a table of Jia, Liu and Tai over seeds
    tfapp reproduce tv-table-1        its tables 1 to 6 and figures 1 to 7
    tfapp demo                        all of it, on generated images

TensorFlow is imported inside the commands: `tfapp --help` must answer at once.
"""

import sys

import typer

from tfapp.cli import (
    data,
    demo,
    detect,
    evaluate,
    export,
    landscape,
    lr_find,
    pose,
    predict,
    report,
    reproduce,
    sharpness,
    signal,
    smoothness,
    solvers,
    train,
    transfer,
    tune_tv,
)
from tfapp.cli.console import GuardedGroup, TensorFlowCommand, error_console
from tfapp.cli.interruptions import heed, unsaid_ending

app = typer.Typer(
    name="tfapp",
    cls=GuardedGroup,
    help="Spatially regular segmentation, loss landscapes and SavedModel export for Keras.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.command("train", cls=TensorFlowCommand)(train.train)
app.command("lr-find", cls=TensorFlowCommand)(lr_find.lr_find)
app.command("evaluate", cls=TensorFlowCommand)(evaluate.evaluate)
app.command("tune-tv", cls=TensorFlowCommand)(tune_tv.tune_tv)
app.command("predict", cls=TensorFlowCommand)(predict.predict)
app.command("landscape", cls=TensorFlowCommand)(landscape.landscape)
app.command("sharpness", cls=TensorFlowCommand)(sharpness.sharpness)
app.command("signal", cls=TensorFlowCommand)(signal.signal)
app.command("smoothness", cls=TensorFlowCommand)(smoothness.smoothness)
app.add_typer(solvers.app, name="solvers")
app.add_typer(pose.app, name="pose")
app.add_typer(transfer.app, name="transfer")
app.add_typer(detect.app, name="detect")
app.add_typer(export.app, name="export")
app.command("report", cls=TensorFlowCommand)(report.report)
app.add_typer(reproduce.app, name="reproduce")
app.command("demo", cls=TensorFlowCommand)(demo.demo)


def main():
    """Run the command line; exit with 0, 1 (failure), 2 (bad input), 130 (Ctrl-C) or 143 (SIGTERM)."""
    # What comes while a command is only being looked up ends as it does within one.
    try:
        heed()
        app()
    except (KeyboardInterrupt, SystemExit) as end:
        ending = unsaid_ending(end)
        if ending is None:
            raise
        how, code = ending
        error_console.print(f"{how}; nothing is half-written.", markup=False, highlight=False, soft_wrap=True)
        sys.exit(code)
