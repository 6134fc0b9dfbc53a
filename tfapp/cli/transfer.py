"""Commands `tfapp transfer`: features of low-resolution images."""

import typer

from tfapp.cli import transfer_evaluate, transfer_grid, transfer_train, transfer_tsne
from tfapp.cli.console import TensorFlowCommand

app = typer.Typer(
    help="Better features of low-resolution images, learned without labels.", no_args_is_help=True
)
app.command("train", cls=TensorFlowCommand)(transfer_train.train)
app.command("evaluate", cls=TensorFlowCommand)(transfer_evaluate.evaluate)
app.command("grid", cls=TensorFlowCommand)(transfer_grid.grid)
app.command("tsne", cls=TensorFlowCommand)(transfer_tsne.tsne)
