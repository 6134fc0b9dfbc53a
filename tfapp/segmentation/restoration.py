"""Test a run on image pairs: how much nearer its images come to the targets than the images that it was given."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfapp.data import network_pair
from tfapp.errors import InputError
from tfapp.models.tiling import AUTO, Remark, TiledNetwork
from tfapp.report.contact_sheet import as_rgb, contact_sheet
from tfapp.report.figures import save_image
from tfapp.report.result_table import ResultTable
from tfapp.runs.progress import SILENT
from tfapp.segmentation.changed_data import hash_of_tested
from tfapp.segmentation.evaluation import of_measures
from tfapp.segmentation.metrics import ImageQuality, image_quality
from tfapp.segmentation.tested_images import images_to_test, own_test_images_remark

EXAMPLES = 4


@dataclass(frozen=True)
class Restoration:
    """PSNR and SSIM of one run.

    Attributes:
        title: The network, such as `Unet`.
        run: Path of the run, as text.
        names: Names of the test images.
        given: `ImageQuality` of each image that the network was given.
        made: `ImageQuality` of each image that it made.
        examples: Of the first images (given, made, target), uint8 (height, width, 3).
        tested: `hash_of_tested` of the test images.
        remark: First `Remark` on tiles of the images, or None.
    """

    title: str
    run: str
    names: tuple[str, ...]
    given: tuple[ImageQuality, ...]
    made: tuple[ImageQuality, ...]
    examples: tuple[tuple[np.ndarray, ...], ...]
    tested: str | None = None
    remark: Remark | None = None

    @property
    def means(self):
        """`ImageQuality` of the given and of the made images, each the mean over the images."""
        return _mean(self.given), _mean(self.made)

    @property
    def equal(self):
        """Number of images that were given as their targets are: their PSNR is infinite, and in no mean."""
        return sum(np.isinf(one.psnr) for one in self.given)


def _mean(qualities):
    psnr = [one.psnr for one in qualities if np.isfinite(one.psnr)]
    ssim = float(np.mean([one.ssim for one in qualities]))
    return ImageQuality(float(np.mean(psnr)) if psnr else np.inf, ssim)


def evaluate_restoration(
    run, dataset=None, *, beside=(), tile=AUTO, margin=None, progress=SILENT, advance=lambda: None
):
    """Measure a run on image pairs, at the size that its network works at.

    Args:
        run: Finished `Run` on image pairs.
        dataset: `Dataset` of image pairs to test on, the pairs as `images_to_test` says. None for the test images of
            the run.
        beside: Runs that are tested beside it.
        tile, margin: As of `TiledNetwork`, for images that are large at the size that the network works at.
        progress: `Progress` that the tiles of a large image are reported to.
        advance: Called after each image, for a progress bar.

    Returns:
        A `Restoration`.

    Raises:
        InputError: For a dataset with classes, or with images of other channels, or tiles that it cannot have.
    """
    network = TiledNetwork(run.network(), run.channels, tile, margin)
    items = run.items("test") if dataset is None else _test_items(run, dataset, beside)
    dataset = dataset or run.dataset
    given, made, examples, remark = [], [], [], None
    for item in items:
        image, target = network_pair(dataset, item, run.framing.resize)
        remark = remark or network.remark(image.shape[:2])
        answer = np.clip(network.joined(image, progress, item.name), 0, 1)
        given.append(image_quality(image, target))
        made.append(image_quality(answer, target))
        if len(examples) < EXAMPLES:
            examples.append(tuple(map(as_rgb, (image, answer, target))))
        advance()
    names = tuple(item.name for item in items)
    tested = hash_of_tested(items)
    return Restoration(
        run.title, str(run.path), names, tuple(given), tuple(made), tuple(examples), tested, remark
    )


def store_restoration(run, restoration):
    """Put a `Restoration` into the run's `metrics.json`."""
    parts = zip(restoration.names, restoration.given, restoration.made, strict=True)
    given, made = restoration.means
    content = {
        "mean": {"given": _stored(given), "made": _stored(made)},
        "images": [{"name": n, "given": _stored(g), "made": _stored(m)} for n, g, m in parts],
        "weights": run.weights,
        "tested": restoration.tested,
    }
    run.add_metrics(restoration.title, content)


def evaluate_restorations(runs, dataset=None, *, tile=AUTO, margin=None, progress=SILENT):
    """Return the `Restoration` of every run, as `evaluate_restoration`, whose arguments it has.

    Without a dataset every run is tested on its own test images, which its `metrics.json` then tells of.
    """
    for run in runs:
        run.check_trained()
    results = []
    if dataset is not None and (remark := own_test_images_remark(runs, dataset)):
        progress.say(remark)
    with progress.task("evaluating") as task:
        for run in runs:
            task(task.done, note=run.title)
            options = {"tile": tile, "margin": margin, "progress": progress, "advance": task.advance}
            results.append(evaluate_restoration(run, dataset, beside=runs, **options))
            remark = results[-1].remark
            if remark:
                progress.say(of_measures(run.title, remark))
            if results[-1].equal:
                progress.say(
                    f"{run.title}: {results[-1].equal} of {len(results[-1].names)} images equal their targets as they "
                    "were given; a PSNR of infinity is in no mean."
                )
            if dataset is None and not (remark and remark.is_inexact):
                store_restoration(run, results[-1])
    return results


def restoration_table(results):
    """Return a `ResultTable` of the means of each run's `Restoration`, as given and as made."""
    rows = [
        (f"{result.title} ({Path(result.run).name}), {name}", f"{quality.psnr:.2f}", f"{quality.ssim:.4f}")
        for result in results
        for name, quality in zip(("as given", "as made"), result.means, strict=True)
    ]
    return ResultTable(["images", "PSNR [dB]", "SSIM"], rows)


def write_restorations(results, folder):
    """Write PSNR and SSIM image by image, and a sheet of examples for each run; return the paths."""
    written = [folder / "restoration.csv"]
    rows = []
    for result in results:
        for name, given, made in zip(result.names, result.given, result.made, strict=True):
            values = (given.psnr, made.psnr, given.ssim, made.ssim)
            rows.append([result.title, result.run, name, *(f"{value:.4f}" for value in values)])
    header = ["title", "run", "image", "PSNR given", "PSNR made", "SSIM given", "SSIM made"]
    ResultTable(header, rows).write_csv(written[0])
    for number, result in enumerate(results):
        written.append(folder / (f"restoration-{number}.png" if number else "restoration.png"))
        write_examples(written[-1], result)
    return written


def write_examples(path, restoration):
    """Write a PNG of the first test images: given, made and target side by side."""
    titles = ["given", restoration.title, "target"]
    save_image(contact_sheet(restoration.examples, titles, cell=320), path)


def _test_items(run, dataset, beside):
    if not dataset.image_pairs or dataset.channels != run.channels:
        kind = "image pairs" if dataset.image_pairs else "masks"
        raise InputError(
            f"{dataset.spec} has {kind} of {dataset.channels} channel(s); {run.path} was trained on image pairs of "
            f"{run.channels}."
        )
    return images_to_test(run, dataset, beside)


def _stored(quality):
    # JSON has no infinity, the PSNR of equal images.
    return {name: value if np.isfinite(value) else None for name, value in quality._asdict().items()}
