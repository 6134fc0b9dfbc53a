"""`tfapp evaluate`."""

import csv
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, print_table, print_written, progress_bar
from tfapp.cli.sources import OUTPUT_HELP, RESIZE_HELP, SCALE_HELP, is_keras_file, open_sources
from tfapp.errors import InputError
from tfapp.files import atomic_path


def evaluate(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Run folders, and .keras files of any Keras segmenter; a last argument like folder:PATH tests on "
            "other data, their official test part if any."
        ),
    ],
    noise: Annotated[
        list[str] | None,
        typer.Option(
            help="KIND=AMOUNT,AMOUNT...: gaussian=SIGMA, salt=, pepper=, salt-and-pepper=SHARE, blur=PIXELS, "
            "jpeg=QUALITY from 1 to 100, brightness=OFFSET from -1 to 1; or the rows called paper (the default) "
            "or robustness (three levels of every kind); repeatable."
        ),
    ] = None,
    post_tv: Annotated[
        list[float] | None,
        typer.Option(
            help="Also test models without a TV head with converged TV of this weight (the paper's Unet+TV); "
            "repeatable."
        ),
    ] = None,
    membrane_scores: Annotated[
        bool,
        typer.Option(
            "--membrane-scores",
            help="Also the scores of the ISBI 2012 challenge, V_rand and V_info after border thinning, on the clean "
            "images; for two classes of which one is called membrane. Seconds for each image.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    resize: Annotated[str | None, typer.Option(help=RESIZE_HELP)] = None,
    input_scale: Annotated[float, typer.Option(help=SCALE_HELP)] = 1.0,
    model_output: Annotated[str, typer.Option(help=OUTPUT_HELP)] = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for table and figure.",
            show_default="figures/ of the first run, or runs/NAME-evaluation for NAME.keras",
        ),
    ] = None,
):
    """Test runs, and .keras files, under noise: accuracy, IoU and regularisation effect, side by side.

    Runs on image pairs: PSNR and SSIM of what they make, without noise.
    """
    from tfapp.data import names_dataset, open_dataset, parse_noises

    noises = parse_noises(noise or ["paper"])
    dataset = open_dataset(runs.pop()) if len(runs) > 1 and names_dataset(runs[-1]) else None
    if dataset is None and all(is_keras_file(Path(path)) for path in runs):
        raise InputError(
            f"{runs[0]} does not say what to test it on; name the data as the last argument, such as folder:PATH."
        )
    opened = open_sources(runs, resize, input_scale, model_output)
    first = opened[0].path
    folder = out or (Path("runs", f"{first.stem}-evaluation") if is_keras_file(first) else first / "figures")
    if any(source.image_pairs for source in opened):
        given = {"--noise": noise, "--post-tv": post_tv, "--membrane-scores": membrane_scores}
        check_image_options(opened, given)
        evaluate_image_runs(opened, dataset, folder)
        return
    comparison = evaluate_with_progress(opened, noises, post_tv or (), seed, dataset, membrane_scores)
    written = write_comparison(comparison, folder)
    print_comparison(comparison)
    print_written(*written)


def evaluate_with_progress(sources, noises, post_tv=(), seed=0, dataset=None, membranes=False):
    """Evaluate runs and files, those without a TV head also with each post-TV weight; compare the results.

    Without a dataset every run has its own test images, which its `metrics.json` then tells of, and files
    have those of the first run.
    """
    from tfapp.segmentation.comparison import Comparison
    from tfapp.segmentation.evaluation import Segmenter, check_membranes, store_metrics
    from tfapp.segmentation.evaluation import evaluate as evaluate_one

    weights = [(None, *(() if source.has_tv_head else post_tv)) for source in sources]
    # In reverse, to be taken from the end and not kept beyond their turn: decoded images are large.
    jobs = list(zip(sources, _test_data(sources, dataset), weights, strict=True))[::-1]
    if membranes:
        for _, data, _ in jobs:
            check_membranes(data.dataset)
    evaluations = []
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=sum(map(len, weights)) * len(noises), note="")
        while jobs:
            source, data, heads = jobs.pop()
            for weight in heads:
                segmenter = Segmenter(source, weight)
                bar.update(task, note=segmenter.title)
                evaluations.append(
                    evaluate_one(
                        segmenter,
                        data,
                        noises,
                        seed=seed,
                        membranes=membranes,
                        advance=lambda: bar.advance(task),
                    )
                )
                if dataset is None and not is_keras_file(source.path):
                    store_metrics(source, evaluations[-1])
    return Comparison(evaluations)


def _test_data(sources, dataset):
    from tfapp.segmentation.evaluation import EvaluationData

    first_run = next((source for source in sources if not is_keras_file(source.path)), None)
    return [
        EvaluationData(source, first_run.dataset, first_run.items("test"))
        if dataset is None and is_keras_file(source.path)
        else EvaluationData(source, dataset)
        for source in sources
    ]


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
    _print_membranes(comparison)
    for title, evaluations in comparison.groups.items():
        ious = zip(evaluations[0].class_names, evaluations[0].clean.class_iou, strict=True)
        shown = ", ".join(f"{name} {100 * value:.2f}" for name, value in ious)
        console.print(
            f"{title}: IoU on clean images: {shown}; loss {evaluations[0].loss:.4f}", soft_wrap=True
        )


def _print_membranes(comparison):
    rows = []
    for title, evaluations in comparison.groups.items():
        for evaluation in (each for each in evaluations if each.membranes):
            rand, information, *thresholds = evaluation.membranes
            name = title if len(evaluations) == 1 else f"{title}, {Path(evaluation.run).name}"
            shown = (
                f"{100 * rand:.2f}",
                f"{thresholds[0]:.1f}",
                f"{100 * information:.2f}",
                f"{thresholds[1]:.1f}",
            )
            rows.append((name, *shown))
    if rows:
        header = ("", "V_rand [%]", "at threshold", "V_info [%]", "at threshold")
        print_table(header, rows, title="membrane scores (ISBI 2012) on clean images")


def check_image_options(sources, given):
    """Raise InputError if runs on image pairs come with segmenters, or with options for these.

    Args:
        sources: `Run`s and `KerasFile`s.
        given: By the name of each option that is for segmenters, whether it was given.
    """
    segmenter = next((source for source in sources if not source.image_pairs), None)
    restorer = next(source for source in sources if source.image_pairs)
    if segmenter is not None:
        raise InputError(
            f"{restorer.path} makes images and {segmenter.path} labels them; evaluate them apart."
        )
    option = next((name for name, present in given.items() if present), None)
    if option is not None:
        raise InputError(f"{option} is for segmenters; {restorer.path} makes images: leave it out.")


def evaluate_image_runs(runs, dataset, folder):
    """Print PSNR and SSIM of every run; write them image by image, with a sheet of examples for each run.

    Without a dataset every run is tested on its own test images, which its `metrics.json` then tells of.
    """
    from tfapp.segmentation.restoration import evaluate_restoration, store_restoration, write_examples

    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=None, note="")
        results = []
        for run in runs:
            bar.update(task, note=run.title)
            results.append(evaluate_restoration(run, dataset, advance=lambda: bar.advance(task)))
            if dataset is None:
                store_restoration(run, results[-1])
        bar.update(task, total=sum(len(result.names) for result in results))
    written = [folder / "restoration.csv"]
    _write_csv(written[0], results)
    for number, result in enumerate(results):
        written.append(folder / f"restoration-{number}.png" if number else folder / "restoration.png")
        write_examples(written[-1], result)
    print_table(["images", "PSNR [dB]", "SSIM"], _rows(results))
    console.print("means over the test images, at the size that the network works at", soft_wrap=True)
    print_written(*written)


def _rows(results):
    for result in results:
        for name, quality in zip(("as given", "as made"), result.means, strict=True):
            title = f"{result.title} ({Path(result.run).name}), {name}"
            yield title, f"{quality.psnr:.2f}", f"{quality.ssim:.4f}"


def _write_csv(path, results):
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["title", "run", "image", "PSNR given", "PSNR made", "SSIM given", "SSIM made"])
        for result in results:
            for name, given, made in zip(result.names, result.given, result.made, strict=True):
                values = (given.psnr, made.psnr, given.ssim, made.ssim)
                writer.writerow([result.title, result.run, name, *(f"{value:.4f}" for value in values)])
