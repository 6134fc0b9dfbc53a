"""Export of a trained detector for TensorFlow Serving."""

import math
from dataclasses import asdict

from tfapp.detection.detector import assemble
from tfapp.detection.scores.stored import evaluated_rules
from tfapp.errors import InputError

# Test images that are compared besides the generated pictures, and not stored: real objects are found in them.
_EXAMPLES = 2
# What an export keeps of the scores: neither curves nor counts.
_KEPT = ("class_names", "ap", "iou", "images", "average_precision", "mean")


def export_run(run, base_dir, version=None, *, formats=(), **serving):
    """Write the detector of a run as one graph from images to boxes, and return the version folder.

    Boxes are taken by the rules of the last evaluation of these weights, else by the usual `Rules`. Test images of
    its data, where they are still there, are compared too.

    Args:
        run: `DetectionRun`.
        base_dir: Folder of the served model.
        version: Version to write; None for the highest plus one.
        formats: Must be none.
        serving: `max_pixels` and `status` of `tfapp.export.export_detector`, where they are not its own.

    Raises:
        InputError: The run was not trained to its end, takes proposals from outside, or is asked for other `formats`.
        ExportError: As `tfapp.export.export_detector`.
    """
    from tfapp.export import export_detector

    config = run.config
    if not config.has_anchors:
        raise InputError(
            f"{run.path} was trained with proposals of {config.proposals}, which a server does not have; train one by "
            "`tfapp detect train` with `--proposals rpn` or `--proposals anchors`."
        )
    if formats:
        raise InputError(
            f"ONNX and TFLite have no antialiased resize, by which {run.path} brings images to its size; leave "
            f"{' and '.join(f'`{name}`' for name in formats)} out."
        )
    model = run.load_model()
    rules, scores = evaluated_rules(run)
    kept = None if scores is None else {name: scores[name] for name in _KEPT}
    return export_detector(
        assemble(model, config, run.record["stride"], run.offset_scale, rules),
        base_dir,
        class_names=run.class_names,
        warmup_sizes=(_warmup_size(config, **serving),),
        max_images=_max_images(config, **serving),
        version=version,
        metadata={
            "run": run.path.name,
            "config": run.record["config"],
            "data": {name: run.record["data"][name] for name in ("spec", "fingerprint")},
            "weights": run.weights,
            "rules": asdict(rules),
            "scores": kept,
        },
        extra_examples=_examples(run),
        **serving,
    )


def _warmup_size(config, max_pixels=2**24, **_):
    """Height and width of images of 3:4 as large as the network sees them, or less if no request may have as many."""
    longer = min(config.longer_side, config.shorter_side * 4 / 3)
    scale = min(1.0, math.sqrt(max_pixels / (config.shorter_side * longer)))
    return int(config.shorter_side * scale), int(longer * scale)


def _max_images(config, max_pixels=2**24, **_):
    """Images of a request that have as many pixels together as one may have, as the network sees them."""
    return max(2, max_pixels // config.shorter_side**2)


def rules_sentence(run):
    """Return a sentence on the boxes that are served of a run."""
    rules, scores = evaluated_rules(run)
    origin = (
        "as it was last evaluated" if scores is not None else "by the usual rules, as it is not evaluated"
    )
    return (
        f"Boxes are served {origin}: of scores above {rules.min_score:g}, at most {rules.max_boxes} of an image, "
        f"without those that overlap a likelier one of their class by more than {rules.nms:g}. Clients may leave out "
        "those of low scores; `tfapp detect evaluate` with other options, and another export, change the rest."
    )


def _examples(run):
    try:
        images = run.images("test")
        return [images[place].read() for place in range(min(_EXAMPLES, len(images)))]
    except InputError:  # a run is served without its data too
        return []
