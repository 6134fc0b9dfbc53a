"""`tfapp evaluate` for runs on image pairs: PSNR and SSIM."""

import csv
from pathlib import Path

from tfapp.cli.console import console, print_table, print_written, progress_bar
from tfapp.errors import InputError
from tfapp.files import atomic_path


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
