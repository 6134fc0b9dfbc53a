"""Command `tfapp pose simulate`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, finish, follow, print_written, progress_bar
from tfapp.cli.options import typed

Option = typer.Option


def simulate(
    context: typer.Context,
    part: Annotated[str, Option(help="nut, bolt, l-bracket, camera-head, or an STL, OBJ or PLY file.")],
    out: Annotated[Path, Option(help="Folder for the scenes; a broken-off one resumes.")],
    instances: Annotated[int, Option(help="Copies of the part in each scene.")] = 2,
    scenes: Annotated[int, Option(help="Scenes in the folder; more than it has are added.")] = 500,
    units: Annotated[
        str | None, Option(help="m, cm, mm or inch; needed for a file.", show_default="none")
    ] = None,
    size: Annotated[int, Option(help="Height and width of the depth images in pixels.")] = 224,
    tilt: Annotated[
        float, Option(help="The camera looks from within this many degrees of the vertical; 0: from above.")
    ] = 0.0,
    half_width: Annotated[
        float | None,
        Option("--bin", help="Half-width of the bin's floor in metres.", show_default="1.4 times the part"),
    ] = None,
    seed: Annotated[int, Option(help="Decides all scenes.")] = 0,
    processes: Annotated[
        int | None, Option(min=1, help="Working at a time; changes no scene.", show_default="one a core")
    ] = None,
    overwrite: Annotated[bool, Option(help="Start again, removing the scenes in --out.")] = False,
):
    """Drop copies of a part into a bin and take depth images, with masks, true labels and true poses."""
    from tfapp.pose.simulation.simulate import part_named, simulate_scenes
    from tfapp.pose.simulation.simulator import SceneSettings

    settings = SceneSettings(part_named(part, units), instances, size, tilt, seed, half_width)
    with progress_bar() as bar:
        note = "" if len(settings.part.pieces) else "cutting the part into convex pieces"
        task = bar.add_task("scenes", total=scenes, note=note)
        folder = simulate_scenes(
            settings,
            out,
            scenes,
            processes=processes or os.cpu_count(),
            overwrite=overwrite,
            command=typed(context),
            progress=follow(bar, task),
        )
        finish(bar, task, scenes)
    shape = f"{1000 * settings.part.extent:.3g} mm large, in a bin of half-width {1000 * settings.half_width:.3g} mm"
    console.print(
        f"{len(folder)} scenes of {instances} x {settings.part.name}, {shape}; {size}x{size} pixels",
        soft_wrap=True,
    )
    print_written(out, out / "scenes.png")
