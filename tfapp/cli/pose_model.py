"""Command `tfapp pose model`."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, print_written
from tfapp.errors import InputError

Option = typer.Option
POINTS_SUFFIX = ".ply"


def model(
    run: Annotated[Path, typer.Argument(help="Refined run of `tfapp pose train`, or one of `fit`.")],
    out: Annotated[
        Path | None, Option(help="File for the closed mesh: .stl, .ply or .obj.", show_default="none")
    ] = None,
    points: Annotated[
        Path | None, Option(help="File for the model's points with normals: .ply.", show_default="none")
    ] = None,
    units: Annotated[str, Option(help="Of the coordinates: m, cm, mm or inch.")] = "m",
):
    """Write the object model of a run as a closed mesh, as points with normals, or as both."""
    from tfapp.files import check_outputs
    from tfapp.pose.object_surface import object_surface, write_points
    from tfapp.pose.predictor import open_run, predictor
    from tfapp.pose.scenes.mesh_files import MESH_SUFFIXES, write_mesh
    from tfapp.pose.simulation.part_files import UNITS

    if out is None and points is None:
        raise InputError("Nothing is asked for; give `out`, `points`, or both.")
    if units not in UNITS:
        raise InputError(f"`units` must be one of {', '.join(UNITS)}; got {units}.")
    _check_suffix("out", out, MESH_SUFFIXES)
    _check_suffix("points", points, (POINTS_SUFFIX,))
    written = [path for path in (out, points) if path is not None]
    check_outputs([(path, run) for path in written], [file for file in run.rglob("*") if file.is_file()])
    chosen = predictor(open_run(run))
    surface = object_surface(chosen)
    if sentence := chosen.unexplained or chosen.doubtful:
        warnings.warn(sentence, stacklevel=2)
    if out is not None:
        write_mesh(out, surface.vertices / UNITS[units], surface.triangles)
    if points is not None:
        write_points(points, surface.points / UNITS[units], surface.normals)
    for sentence in _sentences(surface, units):
        console.print(sentence, highlight=False, soft_wrap=True)
    print_written(*written)


def _check_suffix(argument, path, suffixes):
    if path is not None and path.suffix.lower() not in suffixes:
        raise InputError(f"`{argument}` must end in one of {', '.join(suffixes)}; got {path}.")


def _sentences(surface, units):
    found = surface.deviation()
    return (
        f"closed mesh: {len(surface.vertices)} vertices, {len(surface.triangles)} triangles, "
        f"{1e6 * surface.volume:.3g} cm³, in {units}",
        f"its {len(surface.points)} points are {1000 * found.median:.2g} mm from it in the median, "
        f"{1000 * found.largest:.2g} mm at most",
        f"{found.closed:.1%} of its surface has no point within {2000 * surface.voxel:.2g} mm: it was closed there, "
        "not seen",
    )
