"""Command `tfapp pose distil`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, console, print_written, resumes

Option = typer.Option


@resumes
def distil(
    run: Annotated[Path, typer.Argument(help="Run folder of `tfapp pose train` that is refined.")],
    epochs: Annotated[int, Option(help="Epochs in all; more continue a finished distillation.")] = 600,
    overwrite: Annotated[bool, Option(help="Distil again, in place of what is there.")] = False,
):
    """Teach the network the poses that the refinement finds in the training scenes; a killed distillation resumes.

    Wherever the network alone is asked (`--no-refined`, `--choose network`), the distilled one answers from then on.
    """
    from tfapp.pose.distillation.distilled_network import FOLDER
    from tfapp.pose.distillation.distilled_run import DistilOptions, distil_run
    from tfapp.pose.run import PoseRun

    opened = PoseRun.open(run)
    distil_run(opened, DistilOptions(epochs), overwrite=overwrite, progress=ConsoleProgress())
    print_written(opened.path / FOLDER)
    following = f"tfapp pose evaluate {opened.typed_path} --no-refined --choose network"
    console.print(f"next: {following}", soft_wrap=True, markup=False, highlight=False)
