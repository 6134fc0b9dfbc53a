"""Features and targets that classifiers are compared on, from a trained run."""

from dataclasses import dataclass

import numpy as np

from tfapp.errors import InputError
from tfapp.transfer.classifiers import check_examples
from tfapp.transfer.network import build_network
from tfapp.transfer.training import training_labels

HIGH, LOW, TRANSFERRED, OTHER, UNTRAINED = "high", "low", "transferred", "other", "untrained"
_BATCH = 4096


@dataclass(frozen=True, eq=False)
class Materials:
    """What is compared: features and targets of the images to fit on and of those to test on.

    Attributes:
        features: {name: (float32 (n, dimension) to fit on, float32 (m, dimension) to test on)}.
        targets: int8 (n, classes) and int8 (m, classes).
        class_names: One name per class.
        one_label: Whether every image has one class.
        agreement: Share of the training images for which both readings give the same pseudo-label.
        learned: Share of the training images that the network gives its pseudo-label.
        skipped: Names of the images that could not be read.
    """

    features: dict
    targets: tuple
    class_names: tuple
    one_label: bool
    agreement: float
    learned: float
    skipped: tuple


def gather(run, *, classes=None, skip_bad=None, progress=None):
    """Extract what is missing of a run's features, transfer them, and return the `Materials`.

    Args:
        run: `TransferRun`, trained.
        classes: Names of the classes to look at; None for all.
        skip_bad: Whether to go on without images that cannot be read; None for what the run says.
        progress: Function of (name of the step, done, in all), or None.

    Raises:
        InputError: Changed data or weights, unreadable images, unknown classes, or a class without examples.
    """
    network, data = run.load_network(), run.data()
    chosen = _chosen(classes, data.class_names)
    backbone = run.backbone()
    report = progress or (lambda step, done, total: None)
    parts, features, targets, skipped = {}, {}, [], []
    for part in ("train", "test"):
        images = getattr(data, part)
        parts[part] = run.features(
            backbone,
            data,
            part,
            skip_bad=skip_bad,
            progress=lambda name, done, total, part=part: report(f"{part}, {name} resolution", done, total),
        )
        kept = parts[part][0].kept
        targets.append(images.targets[kept][:, chosen])
        skipped += sorted(set(images.names) - {images.names[place] for place in kept})
    names = tuple(data.class_names[index] for index in chosen)
    for part, part_targets in zip(("training", "test"), targets, strict=True):
        check_examples(part_targets, names, f"{part} images of {data.spec}")
    (high, low), (test_high, test_low) = parts["train"], parts["test"]
    plain = build_network(low.values.shape[1], run.network_config)
    features = {HIGH: (high.values, test_high.values), LOW: (low.values, test_low.values)}
    for name, model in ((TRANSFERRED, network), (UNTRAINED, plain)):
        features[name] = (transferred(model, low.values), transferred(model, test_low.values))
    labels = training_labels(run, high, low)
    others = training_labels(run, high, low, "nearest" if run.config.pseudo == "own" else "own")
    return Materials(
        features,
        tuple(targets),
        names,
        data.one_label and classes is None,
        float(np.mean(labels == others)),
        float(np.mean(features[TRANSFERRED][0].argmax(1) == labels)),
        tuple(skipped),
    )


def transferred(network, features):
    """Return the transferred features float32 (n, clusters) of features (n, dimension)."""
    chunks = (features[first : first + _BATCH] for first in range(0, len(features), _BATCH))
    # Two products of matrices: `predict` would trace a graph for each network of a grid.
    return np.concatenate([network(chunk, training=False).numpy() for chunk in chunks])


def _chosen(classes, names):
    if classes is None:
        return list(range(len(names)))
    unknown = next((name for name in classes if name not in names), None)
    if unknown is not None or not classes:
        raise InputError(f"Unknown class {unknown!r}; expected some of: {', '.join(names)}.")
    return [names.index(name) for name in dict.fromkeys(classes)]
