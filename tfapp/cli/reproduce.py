"""`tfapp reproduce`: the papers' tables, on data that one has."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli import reproduce_bpgrad, reproduce_landscape, reproduce_pose, reproduce_transfer
from tfapp.cli.console import TensorFlowCommand, console, print_written
from tfapp.cli.evaluate import evaluate_with_progress, print_comparison, write_comparison
from tfapp.cli.reproduce_options import parse_seeds
from tfapp.cli.reproduce_study import tv_study
from tfapp.cli.reproduce_tv import command_of, help_of
from tfapp.cli.train import parse_size, train_with_progress
from tfapp.reproduce.landscape.tables import TABLES as FCN_TABLES
from tfapp.reproduce.tv.tables import TABLES

app = typer.Typer(help="Reproduce the papers' tables.", no_args_is_help=True)


@app.callback()
def _reproduce():
    """Reproduce the papers' tables."""


for _table in TABLES.values():
    app.command(_table.name, cls=TensorFlowCommand, help=help_of(_table))(command_of(_table))

for _table in FCN_TABLES.values():
    _function = reproduce_landscape.command_of(_table)
    app.command(_table.name, cls=TensorFlowCommand, help=reproduce_landscape.help_of(_table))(_function)

for _name, _function in reproduce_bpgrad.COMMANDS.items():
    app.command(_name, cls=TensorFlowCommand)(_function)

for _name, (_function, _help) in (reproduce_pose.COMMANDS | reproduce_transfer.COMMANDS).items():
    app.command(_name, cls=TensorFlowCommand, help=_help)(_function)


@app.command("noise-table", cls=TensorFlowCommand)
def noise_table(
    spec: Annotated[str, typer.Argument(help="cells, or folder:PATH, wbc:, isbi2012:, camvid:, sunrgbd:")],
    out: Annotated[Path, typer.Option(help="Folder for the runs, the table and the figure.")],
    seeds: Annotated[str, typer.Option(help="Seeds of training, comma-separated.")] = "0,1,2",
    epochs: Annotated[int, typer.Option(help="Epochs of each run.")] = 12,
    steps_per_epoch: Annotated[int, typer.Option(help="Batches per epoch.")] = 100,
    batch_size: Annotated[int, typer.Option(help="Batch size.")] = 8,
    resize: Annotated[str | None, typer.Option(help="Resize images to N or HEIGHTxWIDTH.")] = None,
    patch: Annotated[int | None, typer.Option(help="Cut square patches.")] = None,
    overlap: Annotated[int, typer.Option(help="Pixels that neighbouring patches share.")] = 0,
    augment: Annotated[str, typer.Option(help="none, flips or dihedral.")] = "flips",
    schedule: Annotated[str, typer.Option(help="constant, or cosine decay to 0.")] = "constant",
    test_share: Annotated[float, typer.Option(help="Share of the images for testing.")] = 0.4,
    post_tv: Annotated[float, typer.Option(help="Weight of the TV put behind the softmax runs.")] = 1.0,
    tv_weight: Annotated[float, typer.Option(help="Initial lambda of RUnet.")] = 1.0,
    tv_gradient: Annotated[
        str, typer.Option(help="How RUnet trains: implicit, jacobian-free, unrolled or one-step.")
    ] = "implicit",
    tv_step: Annotated[float, typer.Option(help="Constant c = tau*lambda of one-step.")] = 0.25,
    overwrite: Annotated[bool, typer.Option(help="Start again, removing the runs in --out.")] = False,
):
    """Unet, Unet+TV and RUnet over seeds, under every noise (Jia, Liu, Tai, 2019, section 4)."""
    from tfapp.segmentation.config import TrainConfig

    common = TrainConfig(
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        batch_size=batch_size,
        resize=parse_size(resize),
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
    compare_heads(spec, out, common, parse_seeds(seeds), post_tv, overwrite=overwrite)


app.command("tv-study", cls=TensorFlowCommand)(tv_study)


def compare_heads(spec, out, config, seeds, post_tv, *, overwrite=False):
    """Train both heads with every seed, evaluate all under noise, write table and figure; return the runs."""
    from tfapp.data import parse_noises
    from tfapp.segmentation.run import Run

    jobs = [
        (seed, head, f"{name}-seed{seed}")
        for seed in seeds
        for head, name in (("softmax", "unet"), ("tv-softmax", "runet"))
    ]
    for number, (seed, head, name) in enumerate(jobs, 1):
        title = f"{name} {number}/{len(jobs)}"
        train_with_progress(
            spec, out / name, replace(config, head=head, seed=seed), overwrite=overwrite, title=title
        )
    runs = [Run.open(out / name) for _, _, name in jobs]
    comparison = evaluate_with_progress(runs, parse_noises(["paper"]), [post_tv])
    written = write_comparison(comparison, out)
    print_comparison(comparison)
    if len(seeds) > 1:
        console.print(f"mean ± standard deviation over {len(seeds)} seeds")
    print_written(*written)
    return runs
