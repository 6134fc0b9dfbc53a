"""The folder of a detector that was never trained, with random weights, for what is made of a run."""

from dataclasses import asdict

from tests.detection.random_scenes import random_scenes
from tests.detection.tiny_detector import (
    OFFSET_SCALE,
    random_detector,
    tiny_config,
    write_backbone,
    write_boxed,
)
from tfapp.data import open_boxes
from tfapp.detection.detector import Rules
from tfapp.detection.run import DetectionRun
from tfapp.detection.scores.evaluation import evaluate_detections
from tfapp.detection.scores.stored import METRICS
from tfapp.files import write_json

CLASS_NAMES = ["bright", "dark"]


def made_up_detector(folder, proposals="rpn"):
    """Write data of four images and a run about them below `folder`, and return the `DetectionRun`."""
    data = open_boxes(write_boxed(folder / "data", 4))
    config = tiny_config(write_backbone(folder / "backbone.keras"), proposals=proposals)
    model, stride = random_detector(config)
    names = [image.name for part in data.splits for image in part]
    run = DetectionRun.create(
        folder / "run",
        "tfapp detect train",
        config=asdict(config),
        data={
            "spec": data.spec,
            "fingerprint": data.fingerprint(),
            "class_names": CLASS_NAMES,
            "split": {"train": names[:2], "validation": [], "test": names[2:]},
        },
        stride=stride,
        proposals=proposals,
        offset_scale=OFFSET_SCALE.to_json(),
    )
    model.save(run.path / run.model_file)
    return DetectionRun.open(run.path)


def write_metrics(run, rules, weights=None):
    """Write scores of a run that were measured by these rules, of its weights unless others are given."""
    scores = evaluate_detections(*random_scenes(images=3), ["a", "b", "c"], coco=False)
    content = {"weights": weights or run.weights, "rules": asdict(rules or Rules()), "scores": scores}
    write_json(run.path / METRICS, content)
