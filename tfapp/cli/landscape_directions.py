"""The directions that the options of `tfapp landscape` mean, where they come from runs or files."""

from pathlib import Path

from tfapp.cli.landscape_solution import open_solution
from tfapp.errors import InputError


def check_choice(directions, to):
    """Raise InputError for options that contradict each other."""
    if to is None:
        return
    if directions != "filter":
        raise InputError(f"--to gives the directions itself; leave out --directions {directions}.")
    others = to.split(",")
    if len(others) > 2 or not all(others):
        raise InputError(f"--to expects one run, or two with a comma between them; got {to!r}.")


def leads_to_solutions(directions, to):
    """Return whether there may be solutions that a picture should hold."""
    return to is not None or directions == "pca" or directions.endswith(".npz")


def choose_directions(run, model, directions, to):
    """Return what `landscape` takes: the name of a kind, or `Directions`.

    Args:
        run: The `Run`, or `PoseSolution`, whose landscape is drawn.
        model: Its model.
        directions: Name of a kind, `pca`, or an .npz file.
        to: Folders of one or two further runs, comma-separated, or None.
    """
    if to is not None:
        return _through(run, model, to.split(","))
    if directions == "pca":
        return _of_trajectory(run, model)
    if directions.endswith(".npz"):
        from tfapp.landscape import Directions

        return Directions.load(directions, model)
    return directions


def _through(run, model, others):
    from tfapp.landscape import line_through, plane_through

    runs = [run, *(open_solution(other) for other in others)]
    names = [Path(each.path).resolve().name for each in runs]
    if len(set(names)) < len(names):
        names = [str(each.path) for each in runs]
    solutions = [each.load_model() for each in runs[1:]]
    return (line_through if len(runs) == 2 else plane_through)(model, *solutions, names=tuple(names))


def _of_trajectory(run, model):
    from tfapp.landscape import pca_directions
    from tfapp.runs import TRAJECTORY

    if not (run.path / TRAJECTORY).is_dir():
        raise InputError(
            f"{run.path} has no trajectory for --directions pca; train it again with --trajectory 1 --overwrite, "
            "which records the weights after every epoch."
        )
    return pca_directions(model, run.path / TRAJECTORY)
