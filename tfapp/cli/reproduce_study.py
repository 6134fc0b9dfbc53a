"""`tfapp reproduce tv-study`: where training through the regulariser pays, on data that one has."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, print_written
from tfapp.cli.reproduce_options import parse_seeds
from tfapp.cli.train import parse_size, train_with_progress
from tfapp.errors import InputError


def tv_study(
    spec: Annotated[str, typer.Argument(help="cells, or folder:PATH, wbc:, isbi2012:, camvid:, sunrgbd:")],
    out: Annotated[Path, typer.Option(help="Folder for the runs and the tables; a killed study goes on.")],
    seeds: Annotated[str, typer.Option(help="Seeds of training, comma-separated.")] = "0,1,2",
    settings: Annotated[str, typer.Option(help="Of base, few, many, long, sgd; comma-separated.")] = "all",
    methods: Annotated[
        str, typer.Option(help="Of softmax, one-step, implicit, fixed, per-class; comma-separated.")
    ] = "all",
    resize: Annotated[str | None, typer.Option(help="Resize images to N or HEIGHTxWIDTH.")] = None,
    patch: Annotated[int | None, typer.Option(help="Cut square patches.")] = None,
    augment: Annotated[str, typer.Option(help="none, mirror, flips or dihedral.")] = "flips",
    steps_per_epoch: Annotated[
        int, typer.Option(help="Batches per epoch; 4 epochs, 12 in long and sgd.")
    ] = 100,
):
    """Unet+TV with lambda chosen on validation images, against training through the TV, in several settings."""
    from tfapp.data import open_dataset, split_items
    from tfapp.files import write_text
    from tfapp.reproduce.tv.study import BASE, METHODS, SETTINGS, Study, jobs, measure

    chosen = [_named(settings, SETTINGS, "--settings"), _named(methods, METHODS, "--methods")]
    common = {
        "resize": parse_size(resize),
        "patch": patch,
        "augment": augment,
        "steps_per_epoch": steps_per_epoch,
    }
    available = split_items(open_dataset(spec), 0, BASE.test_share, BASE.validation_share).train
    planned = jobs(common, len(available), *chosen, parse_seeds(seeds))
    study = Study()
    for number, job in enumerate(planned, 1):
        title = f"{job.folder} {number}/{len(planned)}"
        run = train_with_progress(spec, out / job.folder, job.config, title=title)
        study.add(job.setting, job.config.seed, measure(run, METHODS[job.method][0]))
    written = [out / "tv-study.csv", out / "tv-study.md"]
    study.write_csv(written[0])
    write_text(written[1], study.markdown())
    console.print(study.markdown(), markup=False, highlight=False, soft_wrap=True)
    print_written(*written)


def _named(text, known, option):
    names = list(known) if text == "all" else text.split(",")
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise InputError(f"{option} {unknown!r} is unknown; choose of: {', '.join(known)}.")
    return names
