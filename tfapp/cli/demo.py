"""Command `tfapp demo`: the whole path on generated images, and the same commands for one's own."""

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, console, print_written, resumes
from tfapp.cli.data import show
from tfapp.cli.export import verify_folder, write
from tfapp.cli.landscape import landscape
from tfapp.cli.reproduce import print_result

SPEC = "cells:120:128"


@resumes
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("runs/demo"),
    epochs: Annotated[int, typer.Option(help="Epochs of each of the two runs.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Start again, removing the demo's runs in --out.")] = False,
):
    """Train U-Net and RUnet on generated blood smears, test, draw, export, and write a report: six to eight minutes."""
    from tfapp.reproduce.tv.own_data import compare_heads
    from tfapp.segmentation.config import TrainConfig

    start = time.perf_counter()
    _headline("1/5 data: generated blood smears", f"tfapp data show {SPEC}")
    show(SPEC, out / "data.png", count=12)

    _headline(
        "2/5 training and noise table",
        f"tfapp reproduce noise-table {SPEC} --out {shlex.quote(str(out))} --seeds {seed}",
    )
    config = TrainConfig(base_width=8, epochs=epochs, steps_per_epoch=50, validation_share=0.1)
    options = {"overwrite": overwrite, "progress": ConsoleProgress()}
    runs, result = compare_heads(SPEC, out, config, [seed], post_tv=1.0, **options)
    print_result(result)

    for run in runs:
        command = f"tfapp landscape {run.typed_path} --n 15 --range 0.5 --samples 16 --seed {seed}"
        _headline(f"3/5 loss landscape of {run.title}", command)
        landscape(run.path, n=15, range="0.5", samples=16, seed=seed, batch_size=8, overwrite=False)

    served = out / "served"
    _headline(
        "4/5 export for TensorFlow Serving", f"tfapp export {runs[-1].typed_path} {shlex.quote(str(served))}"
    )
    # A demo that resumes after an interruption must not add a version each time.
    if overwrite or not any(served.glob("*/saved_model.pb")):
        write(runs[-1].path, served, version=None)
    verify_folder(served)

    page = out / "report.html"
    _headline(
        "5/5 report",
        f"tfapp report {' '.join(run.typed_path for run in runs)} --out {shlex.quote(str(page))}",
    )
    _write_report(runs, page, served)
    print_written(page)
    minutes, seconds = divmod(round(time.perf_counter() - start), 60)
    console.print(f"done in {minutes} min {seconds} s; open {page} in a browser", soft_wrap=True)


def _write_report(runs, page, served):
    from tfapp.segmentation.page import write_report

    versions = sorted(served.glob("*/saved_model.pb"), key=lambda path: int(path.parent.name))
    write_report(runs, page, exports=[versions[-1].parent])


def _headline(title, command):
    console.rule(title, align="left")
    console.print(f"$ {command}", style="dim", markup=False, highlight=False, soft_wrap=True)
