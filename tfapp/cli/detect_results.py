"""Commands `tfapp detect evaluate` and `tfapp detect predict`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.claims import claimed
from tfapp.cli.console import (
    ConsoleProgress,
    console,
    fail_images,
    print_notices,
    print_table,
    print_written,
    resumes,
)
from tfapp.cli.options import MaxPixels
from tfapp.errors import InputError

Option = typer.Option
Run = Annotated[Path, typer.Argument(help="Run folder of `tfapp detect train`.")]
Nms = Annotated[float, Option(help="Of two boxes of a class that overlap by more, the less likely one goes.")]
MaxBoxes = Annotated[int, Option(help="Boxes of an image, at most.")]
MaxProposals = Annotated[int, Option(help="Regions of a proposal network that are looked at, at most.")]


@resumes
def evaluate(
    context: typer.Context,
    run: Run,
    ap: Annotated[
        str, Option("--ap", help="Average precision: 11-point as in VOC2007, or area.")
    ] = "11-point",
    iou: Annotated[float, Option(help="Least overlap of a box with its object.")] = 0.5,
    score: Annotated[
        float, Option(help="Least score of boxes that are drawn, and looked at for errors.")
    ] = 0.5,
    nms: Nms = 0.3,
    min_score: Annotated[float, Option(help="Least score of boxes that average precision counts.")] = 0.05,
    max_boxes: MaxBoxes = 100,
    max_proposals: MaxProposals = 300,
    max_pixels: MaxPixels = None,
):
    """Test a detector: average precision of each class, COCO's numbers, errors by kind, pictures."""
    del max_pixels  # Its option has set the limit.
    from tfapp.detection.detector import Rules
    from tfapp.detection.evaluation import evaluate_run
    from tfapp.detection.scores.tables import coco_table, score_remarks, scores_table

    rules = Rules(nms=nms, min_score=min_score, max_boxes=max_boxes, max_proposals=max_proposals)
    scores, written = evaluate_run(run, rules, ap, iou, score, progress=ConsoleProgress(context.command))
    print_table(scores_table(scores))
    print_table(coco_table(scores))
    for sentence in score_remarks(scores):
        console.print(sentence, soft_wrap=True, markup=False, highlight=False)
    print_written(*written)


@resumes
def predict(
    context: typer.Context,
    run: Run,
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    out: Annotated[Path, Option(help="Folder for what is written; not that of the images.")],
    score: Annotated[float, Option(help="Least score of a box.")] = 0.5,
    nms: Nms = 0.3,
    max_boxes: MaxBoxes = 100,
    max_proposals: MaxProposals = 300,
    overwrite: Annotated[
        bool,
        Option(
            "--overwrite",
            help="Replace boxes.csv, and pictures that tfapp did not write or that were changed.",
        ),
    ] = False,
    stop_on_error: Annotated[
        bool, Option("--stop-on-error", help="Stop at the first image that cannot be used.")
    ] = False,
    max_pixels: MaxPixels = None,
):
    """Find the objects in images: NAME-boxes.png for each, and boxes.csv with all boxes."""
    del max_pixels  # Its option has set the limit.
    from tfapp.data.own_images import find_images, found_notices
    from tfapp.detection.detector import Rules
    from tfapp.detection.prediction import BOXES, check_places, count_table
    from tfapp.detection.prediction import predict as find_objects
    from tfapp.detection.proposals.of_run import proposals_of_image
    from tfapp.detection.run import DetectionRun

    opened = DetectionRun.open(run)
    if not 0 < score < 1:
        raise InputError(f"`score` must be above 0 and below 1; got {score}.")
    rules = Rules(nms=nms, min_score=score, max_boxes=max_boxes, max_proposals=max_proposals)
    proposals = proposals_of_image(opened.config.proposals, min_side=opened.config.min_side)
    files = find_images(images, slides=False)
    check_places(images, files, out, overwrite=overwrite)
    detector = opened.detector(rules)
    failures = None if stop_on_error else []
    progress = ConsoleProgress(context.command)
    with claimed(out, waiting=progress.say), progress.task("predicting", len(files)) as task:
        options = {"proposals": proposals, "failures": failures, "advance": task.advance}
        found = find_objects(detector, files, out, opened.class_names, **options)
    if found:
        print_table(count_table(found, opened.class_names))
    failed = {path for path, _ in failures or ()}
    print_notices(found_notices(images, [file for file in files if file not in failed], slides=False))
    if found:
        print_written(out / BOXES)
    fail_images(failures, len(files), context.command)
