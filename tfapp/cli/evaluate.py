"""`tfapp evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, print_table, print_written, progress_bar


def evaluate(
    runs: Annotated[
        list[str], typer.Argument(help="Run folders; a last argument like folder:PATH tests on other data.")
    ],
    noise: Annotated[
        list[str] | None,
        typer.Option(
            help="gaussian=0,0.05 or salt=, pepper=, salt-and-pepper=SHARE; repeatable [default: the paper's]."
        ),
    ] = None,
    post_tv: Annotated[
        list[float] | None,
        typer.Option(
            help="Also test softmax runs with converged TV of this weight (the paper's Unet+TV); repeatable."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for table and figure [default: figures/ of the first run].")
    ] = None,
):
    """Test runs under noise: accuracy, IoU and regularisation effect, side by side."""
    from tfapp.data import names_dataset, open_dataset
    from tfapp.runs import Run
    from tfapp.segmentation.evaluation import DEFAULT_NOISES
    from tfapp.segmentation.noise import parse_noises

    dataset = open_dataset(runs.pop()) if len(runs) > 1 and names_dataset(runs[-1]) else None
    opened = [Run.open(path) for path in runs]
    comparison = evaluate_with_progress(
        opened, parse_noises(noise or DEFAULT_NOISES), post_tv or (), seed, dataset
    )
    folder = out or opened[0].path / "figures"
    written = write_comparison(comparison, folder)
    print_comparison(comparison)
    print_written(*written)


def evaluate_with_progress(runs, noises, post_tv=(), seed=0, dataset=None):
    """Evaluate every run, and every softmax run with each post-TV weight; store and compare the results."""
    from tfapp.segmentation.comparison import Comparison
    from tfapp.segmentation.evaluation import EvaluationData, Segmenter, store_metrics
    from tfapp.segmentation.evaluation import evaluate as evaluate_one

    jobs = [(run, (None, *(post_tv if run.config["head"] == "softmax" else ()))) for run in runs]
    total = sum(len(weights) for _, weights in jobs) * len(noises)
    evaluations = []
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=total, note="")
        for run, weights in jobs:
            data = EvaluationData(run, dataset)
            for weight in weights:
                segmenter = Segmenter(run, weight)
                bar.update(task, note=segmenter.title)
                evaluations.append(
                    evaluate_one(segmenter, data, noises, seed=seed, advance=lambda: bar.advance(task))
                )
                if dataset is None:
                    store_metrics(run, evaluations[-1])
    return Comparison(evaluations)


def write_comparison(comparison, folder):
    """Write the table (Markdown, CSV) and the figure; return their paths."""
    paths = [folder / "noise-table.md", folder / "noise-table.csv", folder / "noise.png"]
    comparison.write_markdown(paths[0])
    comparison.write_csv(paths[1])
    comparison.write_figure(paths[2])
    return paths


def print_comparison(comparison):
    """Print one table per measure, so that it fits a terminal."""
    from tfapp.segmentation.comparison import MEASURES

    titles = list(comparison.groups)
    for measure in MEASURES:
        rows = [
            [noise, *(str(comparison.cell(title, i, measure)) for title in titles)]
            for i, noise in enumerate(comparison.noises)
        ]
        smoother = ", smaller is smoother" if measure == "RE" else ""
        print_table(["noise", *titles], rows, title=f"{measure} [%{smoother}]")
    for title, evaluations in comparison.groups.items():
        ious = zip(evaluations[0].class_names, evaluations[0].clean.class_iou, strict=True)
        shown = ", ".join(f"{name} {100 * value:.2f}" for name, value in ious)
        console.print(
            f"{title}: IoU on clean images: {shown}; loss {evaluations[0].loss:.4f}", soft_wrap=True
        )
