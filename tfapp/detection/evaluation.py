"""Test a trained detector on the test images of its data, and write scores, figures and pictures into its run."""

from pathlib import Path

import numpy as np
from PIL import Image

from tfapp.average_precision import ELEVEN_POINT
from tfapp.claims import claiming
from tfapp.detection.detector import Rules
from tfapp.detection.losses_figure import save_losses_png
from tfapp.detection.pictures import detection_legend, draw_detections
from tfapp.detection.run import DetectionRun
from tfapp.detection.scores.evaluation import check_judging, evaluate_detections
from tfapp.detection.scores.figures import save_figures
from tfapp.detection.scores.stored import METRICS, read_metrics
from tfapp.errors import InputError
from tfapp.files import atomic_path, write_json
from tfapp.report.contact_sheet import contact_sheet
from tfapp.runs.checkpoints import read_history
from tfapp.runs.progress import SILENT

DETECTIONS = "detections.json"
FIGURES, SAMPLES, LOSSES = "figures", "samples.png", "losses.png"
_MOST_SAMPLES, _ACROSS, _CELL = 12, 3, 420


@claiming("path", waits=True)
def evaluate_run(
    path, rules=None, form=ELEVEN_POINT, iou=0.5, score=0.5, *, progress=SILENT, title="testing"
):
    """Find the objects of the test images, and compare them with the true ones.

    Args:
        path: Run folder.
        rules: `Rules`; None for the usual ones. Average precision needs the boxes of low scores too.
        form, iou, score: As of `evaluate_detections`.
        progress: `Progress`.
        title: What the task is called there.

    Returns:
        (the scores as `evaluate_detections` returns them, the list of the files that were written).

    Raises:
        InputError: The training has not ended, or the data are gone or have changed.
    """
    run, rules = DetectionRun.open(path), rules or Rules()
    rules.check()
    check_judging(form, iou)
    history = read_history(run.path)
    images = run.images("test")
    detector, proposals = run.detector(rules), run.proposals(images, progress)
    found = []
    with progress.task(title, len(images)) as task:
        for index, image in enumerate(images):
            found.append(detector(image.read(), None if proposals is None else proposals[index]))
            task.advance()
    scores = evaluate_detections(
        [image.boxes for image in images],
        found,
        run.class_names,
        form,
        iou,
        score=score,
        crowds=run.record["data"]["spec"].startswith("coco:"),
    )
    figures = run.path / FIGURES
    figures.mkdir(exist_ok=True)
    written = [*save_figures(scores, figures), figures / LOSSES, figures / SAMPLES]
    save_losses_png(history, written[-2])
    _save_samples(images, found, run.class_names, score, written[-1])
    write_json(run.path / DETECTIONS, coco_results(images, found, run.class_names))
    write_json(run.path / METRICS, {"weights": run.weights, "rules": vars(rules), "scores": scores})
    return scores, [run.path / METRICS, run.path / DETECTIONS, *written]


def read_scores(run):
    """Return the scores of an evaluated run, and whether they are of its weights as they are; None if it has none.

    Raises:
        InputError: The file is damaged.
    """
    content = read_metrics(run)
    return None if content is None else (content["scores"], run.is_current(content["weights"]))


def coco_results(images, found, class_names):
    """Return detections in COCO's form of results, with the names of the images and of the classes.

    Args:
        images: `BoxedImages`.
        found: `Detections` of each.
        class_names: Of the labels.
    """
    rows = []
    for number, (image, objects) in enumerate(zip(images, found, strict=True), 1):
        for (y1, x1, y2, x2), label, score in zip(
            objects.corners.tolist(), objects.labels.tolist(), objects.scores.tolist(), strict=True
        ):
            rows.append(
                {
                    "image_id": number,
                    "file_name": Path(image.file).name,
                    "category_id": label + 1,
                    "category": class_names[label],
                    "bbox": [round(value, 3) for value in (x1, y1, x2 - x1, y2 - y1)],
                    "score": round(score, 6),
                }
            )
    return rows


def _save_samples(images, found, class_names, score, file):
    """Draw some images, evenly spaced, with hits, false and missed objects."""
    if not len(images):
        raise InputError("There is no image to draw.")
    chosen = np.unique(np.linspace(0, len(images) - 1, min(_MOST_SAMPLES, len(images))).round().astype(int))
    pictures = [
        draw_detections(
            images[at].read(), images[at].boxes, found[at], class_names, score=score, legend=False
        )
        for at in chosen
    ]
    rows, captions = (
        [listed[start : start + _ACROSS] for start in range(0, len(listed), _ACROSS)]
        for listed in (pictures, [Path(images[at].file).name for at in chosen])
    )
    sheet = np.asarray(contact_sheet(rows, [""] * len(rows[0]), cell=_CELL, captions=captions))
    sheet = Image.fromarray(np.concatenate([sheet, detection_legend(sheet.shape[1])]))
    with atomic_path(file) as temporary:
        sheet.save(temporary, format="PNG")
