"""Commands `tfapp solvers`: optimizers and global searches on functions with a known minimum."""

import typer

from tfapp.cli import solvers_compare, solvers_lipschitz, solvers_paths, solvers_plane, solvers_search
from tfapp.cli.console import TensorFlowCommand

app = typer.Typer(help="Compare solvers, and minimise with a certificate.", no_args_is_help=True)
app.command("compare", cls=TensorFlowCommand)(solvers_compare.compare)
app.command("lipschitz", cls=TensorFlowCommand)(solvers_lipschitz.lipschitz)
app.command("minimise", cls=TensorFlowCommand)(solvers_search.minimise)
app.command("paths", cls=TensorFlowCommand)(solvers_paths.paths)
app.command("plane", cls=TensorFlowCommand)(solvers_plane.plane)
app.command("search", cls=TensorFlowCommand)(solvers_search.search)
