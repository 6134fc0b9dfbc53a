"""What features are worth: classifiers on sharp, low-resolution and transferred features, tested side by side."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tfapp.files import write_json
from tfapp.transfer.average_precision import FORMS, average_precisions
from tfapp.transfer.classifier_files import fit_digest, keep_classifiers, kept_classifiers
from tfapp.transfer.classifiers import COSTS, fit_classifiers
from tfapp.transfer.materials import HIGH, LOW, OTHER, TRANSFERRED, UNTRAINED

TITLES = {
    HIGH: "HR",
    LOW: "LR",
    TRANSFERRED: "ours",
    OTHER: "ours, other reading",
    UNTRAINED: "same network, not trained",
}
# What the pseudo-labels of a reading are, for titles of tables.
LABELS = {"own": "own cluster", "nearest": "nearest centroid"}
METRICS, CLASSIFIERS = "metrics.json", "classifiers"


@dataclass(frozen=True)
class FeatureResult:
    """What classifiers on one kind of features did on the test images.

    Attributes:
        name: Key of `TITLES`.
        dimension: Length of a feature vector.
        cost: C of the machines.
        average_precision: {form: list of one number per class}.
        accuracy: Share of the images whose class has the highest score; None unless every image has one class.
    """

    name: str
    dimension: int
    cost: float
    average_precision: dict
    accuracy: float | None

    @property
    def mean(self):
        """The mean average precision, {form: number}."""
        return {form: float(np.mean(values)) for form, values in self.average_precision.items()}

    def to_json(self, reading):
        """Return plain JSON values; `reading` is that of the run's pseudo-labels."""
        return {**asdict(self), "title": title_of(self.name, reading), "mean": self.mean}


def title_of(name, reading):
    """Return the title of features, by the reading of the pseudo-labels that a run was trained with."""
    if name == OTHER:
        reading = next(other for other in LABELS if other != reading)
    return f"{TITLES[TRANSFERRED]}, {LABELS[reading]}" if name in (TRANSFERRED, OTHER) else TITLES[name]


def assess(materials, name, *, seed=0, costs=COSTS, folder=None, progress=None):
    """Fit classifiers on one kind of features and test them.

    Args:
        materials: `Materials`.
        name: Key of its features.
        seed: Of the folds of the cross-validation.
        costs: As `fit_classifiers`.
        folder: Where the classifiers are kept, and taken from if they are of the same features; None for nowhere.
        progress: Function of (fits done, fits in all), or None.

    Returns:
        `FeatureResult`.
    """
    fitting, testing = materials.features[name]
    targets, test_targets = materials.targets
    file = None if folder is None else Path(folder) / CLASSIFIERS / f"{name}.npz"
    digest = fit_digest(fitting, targets, (seed, *costs))
    machines = None if file is None else kept_classifiers(file, digest)
    if machines is None:
        machines = fit_classifiers(fitting, targets, seed=seed, costs=costs, progress=progress)
        if file is not None:
            keep_classifiers(file, machines, materials.class_names, digest)
    scores = machines.scores(testing)
    precisions = {form: average_precisions(scores, test_targets, form).tolist() for form in FORMS}
    hits = np.take_along_axis(test_targets, scores.argmax(1)[:, None], 1)[:, 0] == 1
    accuracy = float(np.mean(hits)) if materials.one_label else None
    return FeatureResult(name, fitting.shape[1], machines.cost, precisions, accuracy)


def write_metrics(run, materials, results, form):
    """Write `metrics.json`."""
    content = {
        "class_names": list(materials.class_names),
        "ap": form,
        "features": [result.to_json(run.config.pseudo) for result in results],
        "positives": np.count_nonzero(materials.targets[1] == 1, axis=0).tolist(),
        "images": {
            "train": len(materials.targets[0]),
            "test": len(materials.targets[1]),
            "skipped": list(materials.skipped),
        },
        "pseudo_labels": {
            "reading": run.config.pseudo,
            "agreement": materials.agreement,
            "accuracy": materials.learned,
        },
    }
    write_json(run.path / METRICS, content)
    return content
