"""Studies `noise-table` and `tv-study`: the question of Jia, Liu and Tai (2019), asked of data that one has."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from tfapp.errors import InputError
from tfapp.reproduce.study import Option, Result, Study, files_of
from tfapp.reproduce.tv.tables import SOURCE

Spec = Annotated[
    str, Option(help="cells, or folder:PATH, wbc:, isbi2012:, camvid:, sunrgbd:", positional=True)
]
Seeds = Annotated[tuple, Option(help="Seeds of training, comma-separated.", text="seeds")]
Resize = Annotated[tuple | None, Option(help="Resize images to N or HEIGHTxWIDTH.", text="size")]
Patch = Annotated[int | None, Option(help="Cut square patches.")]


def noise_table(
    spec: Spec,
    out: Annotated[Path, Option(help="Folder for the runs, the table and the figure.")],
    seeds: Seeds = (0, 1, 2),
    epochs: Annotated[int, Option(help="Epochs of each run.")] = 12,
    steps_per_epoch: Annotated[int, Option(help="Batches per epoch.")] = 100,
    batch_size: Annotated[int, Option(help="Batch size.")] = 8,
    resize: Resize = None,
    patch: Patch = None,
    overlap: Annotated[int, Option(help="Pixels that neighbouring patches share.")] = 0,
    augment: Annotated[str, Option(help="none, flips or dihedral.")] = "flips",
    schedule: Annotated[
        str, Option(help="constant, cosine, or another of `tfapp train --schedule`.")
    ] = "constant",
    test_share: Annotated[float, Option(help="Share of the images for testing.")] = 0.4,
    post_tv: Annotated[float, Option(help="Weight of the TV put behind the softmax runs.")] = 1.0,
    tv_weight: Annotated[float, Option(help="Initial lambda of RUnet.")] = 1.0,
    tv_gradient: Annotated[
        str, Option(help="How RUnet trains: implicit, jacobian-free, unrolled or one-step.")
    ] = "implicit",
    tv_step: Annotated[float, Option(help="Constant c = tau*lambda of one-step.")] = 0.25,
    overwrite: Annotated[bool, Option(help="Start again, removing the runs in --out.")] = False,
    *,
    progress,
    command,
):
    """Train Unet and RUnet with every seed, and evaluate Unet, Unet+TV and RUnet under their noises."""
    del command
    from tfapp.segmentation.config import TrainConfig

    config = TrainConfig(
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        batch_size=batch_size,
        resize=resize,
        patch=patch,
        overlap=overlap,
        augment=augment,
        schedule=schedule,
        test_share=test_share,
        validation_share=0.0,
        tv_weight=tv_weight,
        tv_gradient=tv_gradient,
        tv_step=tv_step,
    )
    _, result = compare_heads(spec, out, config, seeds, post_tv, overwrite=overwrite, progress=progress)
    return result


def compare_heads(spec, out, config, seeds, post_tv, *, overwrite, progress):
    """Train both heads with every seed, evaluate all under their noises, write table and figure.

    Args:
        spec: Dataset as on the command line.
        out: Folder of the runs and results.
        config: The `TrainConfig` of all runs, seed and head aside.
        seeds: Seeds of training.
        post_tv: Weight of the total variation that is put behind the softmax runs.
        overwrite: Whether to remove existing runs first.
        progress: `Progress`.

    Returns:
        (the list of `Run`s, the `Result`).
    """
    from tfapp.data import parse_noises
    from tfapp.runs.ahead import do_ahead
    from tfapp.segmentation.comparison import compare
    from tfapp.segmentation.run import Run
    from tfapp.segmentation.training import train

    jobs = [
        (seed, head, f"{name}-seed{seed}")
        for seed in seeds
        for head, name in (("softmax", "unet"), ("tv-softmax", "runet"))
    ]
    own = {name: replace(config, head=head, seed=seed) for seed, head, name in jobs}
    calls = [((spec, out / name, each), {"overwrite": overwrite}) for name, each in own.items()]
    overwrite = not do_ahead(train, calls, progress) and overwrite
    for number, (name, each) in enumerate(own.items(), 1):
        title = f"{name} {number}/{len(jobs)}"
        train(spec, out / name, each, overwrite=overwrite, progress=progress, title=title)
    runs = [Run.open(out / name) for _, _, name in jobs]
    comparison = compare(runs, parse_noises(["paper"]), post_tv=[post_tv], progress=progress)
    written = comparison.write(out)
    shown = [*comparison.tables(), *comparison.remarks()]
    if len(seeds) > 1:
        shown.append(f"mean ± standard deviation over {len(seeds)} seeds")
    return runs, Result(shown, written)


def tv_study(
    spec: Spec,
    out: Annotated[Path, Option(help="Folder for the runs and the tables; a killed study resumes.")],
    seeds: Seeds = (0, 1, 2),
    settings: Annotated[str, Option(help="Of base, few, many, long, sgd; comma-separated.")] = "all",
    methods: Annotated[
        str, Option(help="Of softmax, one-step, implicit, fixed, per-class; comma-separated.")
    ] = "all",
    resize: Resize = None,
    patch: Patch = None,
    augment: Annotated[str, Option(help="none, mirror, flips or dihedral.")] = "flips",
    steps_per_epoch: Annotated[int, Option(help="Batches per epoch; 4 epochs, 12 in long and sgd.")] = 100,
    *,
    progress,
    command,
):
    """Train by every method in every setting, and tabulate the gains over TV behind the trained network."""
    del command
    from tfapp.data import open_dataset, split_items
    from tfapp.files import write_text
    from tfapp.reproduce.tv.gains import BASE, METHODS, SETTINGS, Gains, jobs, measure
    from tfapp.runs.ahead import do_ahead
    from tfapp.segmentation.training import train

    chosen = [_named(settings, SETTINGS, "settings"), _named(methods, METHODS, "methods")]
    common = {"resize": resize, "patch": patch, "augment": augment, "steps_per_epoch": steps_per_epoch}
    available = split_items(open_dataset(spec), 0, BASE.test_share, BASE.validation_share).train
    planned = jobs(common, len(available), *chosen, seeds)
    do_ahead(train, [((spec, out / job.folder, job.config), {}) for job in planned], progress)
    gains = Gains()
    for number, job in enumerate(planned, 1):
        title = f"{job.folder} {number}/{len(planned)}"
        run = train(spec, out / job.folder, job.config, progress=progress, title=title)
        gains.add(job.setting, job.config.seed, measure(run, METHODS[job.method][0]))
    written = files_of(out, "tv-study", ".csv", ".md")
    gains.write_csv(written[0])
    write_text(written[1], gains.markdown())
    return Result([gains.markdown()], written)


def _named(text, known, argument):
    names = list(known) if text == "all" else text.split(",")
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise InputError(f"`{argument}` {unknown!r} is unknown; choose of: {', '.join(known)}.")
    return names


STUDIES = (
    Study(
        "noise-table",
        "Unet, Unet+TV and RUnet over seeds, under every noise",
        SOURCE,
        ("λ of Unet+TV is the same for all runs; it is not chosen.",),
        {},
        noise_table,
        help="Unet, Unet+TV and RUnet over seeds, under every noise (Jia, Liu, Tai, 2019, section 4).",
        trains=True,
    ),
    Study(
        "tv-study",
        "Unet+TV with lambda chosen on validation images, against training through the TV, in several settings",
        SOURCE,
        ("The settings are our choice, not that of Jia, Liu and Tai.",),
        {},
        tv_study,
        help="Unet+TV with lambda chosen on validation images, against training through the TV, in several settings.",
        trains=True,
    ),
)
