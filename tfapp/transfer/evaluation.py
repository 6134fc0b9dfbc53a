"""Evaluation of features: classifiers on sharp, low-resolution and transferred features, side by side."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from tfapp.average_precision import FORMS
from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.records import Entries, Fault, ListOf, Number, OneOf, Optional, Text, Whole
from tfapp.runs.progress import SILENT, steps
from tfapp.transfer.calibration import calibration_error, probabilities_of
from tfapp.transfer.classifiers import (
    COSTS,
    average_precisions,
    check_examples,
    fit_classifiers,
    fit_digest,
    keep_classifiers,
    kept_classifiers,
)
from tfapp.transfer.config import FEATURES, READINGS, SOFT, TARGETS
from tfapp.transfer.feature_names import HIGH, LOW, TRANSFERRED, UNTRAINED, title_of
from tfapp.transfer.network import build_network
from tfapp.transfer.targets import pseudo_labels

_BATCH = 4096


@dataclass(frozen=True, eq=False)
class ComparedFeatures:
    """What is compared: features and targets of the images to fit on and of those to test on.

    Attributes:
        features: {name: (float32 (n, dimension) to fit on, float32 (m, dimension) to test on)}.
        targets: int8 (n, classes) and int8 (m, classes).
        class_names: One name per class.
        one_label: Whether every image has one class.
        agreement: Share of the training images for which both readings of Wu (2020) give the same pseudo-label.
        learned: Share of the training images that the network gives their cluster; None where it learns none.
        skipped: Names of the images that could not be read.
        held_out: Share of the training images that stand for the test images; 0 where these are tested on.
    """

    features: dict
    targets: tuple
    class_names: tuple
    one_label: bool
    agreement: float
    learned: float | None
    skipped: tuple
    held_out: float = 0.0


def gather(run, *, classes=None, skip_bad=None, progress=SILENT, title=""):
    """Extract what is missing of a run's features, transfer them, and return the `ComparedFeatures`.

    Args:
        run: `TransferRun`, trained.
        classes: Names of the classes to look at; None for all.
        skip_bad: Whether to go on without images that cannot be read; None for what the run says.
        progress: `Progress`, of which each step is a task.
        title: Text before the names of the tasks.

    Raises:
        InputError: Changed data or weights, unreadable images, unknown classes, or a class without examples.
    """
    network, data = run.load_model(), run.data()
    chosen = _chosen(classes, data.class_names)
    backbone = run.backbone()
    extracted, features, targets, skipped = {}, {}, [], []
    with steps(progress, title) as report:
        for split in ("train", "test"):
            extracted[split] = run.features(
                backbone,
                data,
                split,
                skip_bad=skip_bad,
                progress=lambda name, done, total, split=split: report(
                    f"{split}, {name} resolution", done, total
                ),
            )
    for split in ("train", "test"):
        images = getattr(data, split)
        kept = extracted[split][0].kept
        targets.append(images.targets[kept][:, chosen])
        skipped += sorted(set(images.names) - {images.names[place] for place in kept})
    names = tuple(data.class_names[index] for index in chosen)
    for split, split_targets in zip(("training", "test"), targets, strict=True):
        check_examples(split_targets, names, f"{split} images of {data.spec}")
    (high, low), (test_high, test_low) = extracted["train"], extracted["test"]
    plain = build_network(low.values.shape[1], run.network_config)
    features = {HIGH: (high.values, test_high.values), LOW: (low.values, test_low.values)}
    for name, model in ((TRANSFERRED, network), (UNTRAINED, plain)):
        features[name] = (transferred(model, low.values), transferred(model, test_low.values))
    labels = [pseudo_labels(high.values, low.values, run.found_centroids(), name) for name in READINGS]
    return ComparedFeatures(
        features,
        tuple(targets),
        names,
        data.one_label and classes is None,
        float(np.mean(labels[0] == labels[1])),
        _learned(features[TRANSFERRED][0], run.targets(high, low), run.config.pseudo),
        tuple(skipped),
    )


def _learned(given, targets, pseudo):
    """Return the share of images that get their cluster, None for targets that are no clusters."""
    if pseudo == FEATURES:
        return None
    clusters = targets.argmax(1) if pseudo == SOFT else targets
    return float(np.mean(given.argmax(1) == clusters))


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
        quotes = "; a name with a comma stands in double quotes" if any("," in name for name in names) else ""
        raise InputError(f"Unknown class {unknown!r}; expected some of: {', '.join(names)}{quotes}.")
    return [names.index(name) for name in dict.fromkeys(classes)]


METRICS, CLASSIFIERS = "metrics.json", "classifiers"


def _of_forms(kind):
    return Entries({form: kind for form in FORMS})


class _Metrics(Entries):
    """Entries of `metrics.json`, which has a number for each class, and the features that every evaluation compares."""

    def fault(self, value, where=""):
        found = super().fault(value, where)
        if found:
            return found
        count, names = len(value["class_names"]), [one["name"] for one in value["features"]]
        if not {HIGH, LOW, TRANSFERRED, UNTRAINED} <= set(names) or len(set(names)) < len(names):
            wanted = f"each of {HIGH}, {LOW}, {TRANSFERRED} and {UNTRAINED} once"
            return Fault("features", wanted, names)
        columns = [("positives", value["positives"])]
        for place, one in enumerate(value["features"]):
            columns += [
                (f"features[{place}].average_precision.{form}", column)
                for form, column in one["average_precision"].items()
            ]
        wrong = next((column for column in columns if len(column[1]) != count), None)
        return wrong and Fault(wrong[0], f"a list of one number for each of {count} classes", wrong[1])


_RATIO = Number(0, 1)
METRICS_ENTRIES = _Metrics(
    {
        "class_names": ListOf(Text()),
        "ap": OneOf(FORMS),
        "features": ListOf(
            Entries(
                {
                    "name": Text(),
                    "title": Text(),
                    "dimension": Whole(1),
                    "cost": Number(above=0),
                    "average_precision": _of_forms(ListOf(_RATIO)),
                    "mean": _of_forms(_RATIO),
                    "accuracy": Optional(_RATIO),
                },
                {"calibration": ListOf(ListOf(Number(0), 3)), "calibration_error": _RATIO},
            )
        ),
        "positives": ListOf(Whole(0)),
        "images": Entries({"train": Whole(0), "test": Whole(0), "skipped": ListOf(Text())}),
        "pseudo_labels": Entries(
            {"reading": OneOf(TARGETS), "agreement": _RATIO, "accuracy": Optional(_RATIO)}
        ),
    },
    # Later than the first evaluations.
    {"weights": Text()},
)


@dataclass(frozen=True)
class FeatureResult:
    """What classifiers on one kind of features did on the test images.

    Attributes:
        name: Key of `ComparedFeatures.features`.
        dimension: Length of a feature vector.
        cost: C of the machines.
        average_precision: {form: list of one number per class}.
        accuracy: Share of the images whose class has the highest score; None unless every image has one class.
        calibration: Rows of `calibration_error`, of classifiers that give probabilities, or None.
        calibration_error: Of the same, or None.
    """

    name: str
    dimension: int
    cost: float
    average_precision: dict
    accuracy: float | None
    calibration: list | None = None
    calibration_error: float | None = None

    @property
    def mean(self):
        """The mean average precision, {form: number}."""
        return {form: float(np.mean(values)) for form, values in self.average_precision.items()}

    def to_json(self, pseudo):
        """Return plain JSON values; `pseudo` is what the run's network learned to give."""
        stored = {
            name: value for name, value in asdict(self).items() if value is not None or name == "accuracy"
        }
        return {**stored, "title": title_of(self.name, pseudo), "mean": self.mean}


def assess(compared, name, *, seed=0, costs=COSTS, folder=None, progress=None):
    """Fit classifiers on one kind of features and test them.

    Args:
        compared: `ComparedFeatures`.
        name: Key of its features.
        seed: Of the folds of the cross-validation.
        costs: As `fit_classifiers`.
        folder: Where the classifiers are kept, and taken from if they are of the same features; None for nowhere.
        progress: Function of (fits done, fits in all), or None.

    Returns:
        `FeatureResult`.
    """
    fitting, testing = compared.features[name]
    targets, test_targets = compared.targets
    file = None if folder is None else Path(folder) / CLASSIFIERS / f"{name}.npz"
    digest = fit_digest(fitting, targets, (seed, *costs))
    machines = None if file is None else kept_classifiers(file, digest)
    # Those that are served give probabilities, which earlier versions did not fit.
    calibrated = name == TRANSFERRED and file is not None
    if machines is None or (calibrated and machines.slopes is None):
        options = {"seed": seed, "costs": costs, "calibrated": calibrated, "progress": progress}
        machines = fit_classifiers(fitting, targets, **options)
        if file is not None:
            keep_classifiers(file, machines, compared.class_names, digest)
    scores = machines.scores(testing)
    precisions = {form: average_precisions(scores, test_targets, form).tolist() for form in FORMS}
    hits = np.take_along_axis(test_targets, scores.argmax(1)[:, None], 1)[:, 0] == 1
    accuracy = float(np.mean(hits)) if compared.one_label else None
    found = FeatureResult(name, fitting.shape[1], machines.cost, precisions, accuracy)
    if not calibrated:
        return found
    probabilities = probabilities_of(machines, scores, compared.one_label)
    error, rows = calibration_error(probabilities, test_targets)
    return replace(found, calibration=rows.tolist(), calibration_error=error)


def write_metrics(run, compared, results, form):
    """Write `metrics.json`."""
    content = {
        "class_names": list(compared.class_names),
        "ap": form,
        "features": [result.to_json(run.config.pseudo) for result in results],
        "positives": np.count_nonzero(compared.targets[1] == 1, axis=0).tolist(),
        "images": {
            "train": len(compared.targets[0]),
            "test": len(compared.targets[1]),
            "skipped": list(compared.skipped),
        },
        "pseudo_labels": {
            "reading": run.config.pseudo,
            "agreement": compared.agreement,
            "accuracy": compared.learned,
        },
        "weights": run.weights,
    }
    write_json(run.path / METRICS, content)
    return content
