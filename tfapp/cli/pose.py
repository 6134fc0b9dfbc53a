"""Commands `tfapp pose`: parts in a bin, from depth images."""

import typer

from tfapp.cli import pose_evaluate, pose_landscape, pose_segment, pose_simulate, pose_train
from tfapp.cli.console import TensorFlowCommand

app = typer.Typer(help="Learn 3D models and poses of parts from depth images.", no_args_is_help=True)
app.command("simulate")(pose_simulate.simulate)
app.command("train", cls=TensorFlowCommand)(pose_train.train)
app.command("evaluate", cls=TensorFlowCommand)(pose_evaluate.evaluate)
app.command("segment", cls=TensorFlowCommand)(pose_segment.segment)
app.command("show", cls=TensorFlowCommand)(pose_evaluate.show)
app.command("landscape", cls=TensorFlowCommand)(pose_landscape.landscape)
