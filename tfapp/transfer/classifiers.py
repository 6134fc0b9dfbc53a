"""One linear support vector machine for each class, their files, and their average precision."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import LinearSVC

from tfapp.archives import DAMAGED, open_arrays
from tfapp.average_precision import AREA, eleven_point_mean
from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.transfer.calibration import fit_sigmoid

COSTS = (0.01, 0.1, 1.0, 10.0, 100.0)
FOLDS = 3
_WORKERS = 2
# That of scikit-learn. At ten times it the fit of few features at a high cost stops far from its minimum, in a place
# that differs from machine to machine, and the average precision of one class with it by a tenth.
_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class LinearClassifiers:
    """Scores of classes: `w . f / |f| + b` for a feature vector f, above 0 where the class is there.

    Attributes:
        weights: float64 (dimension, classes).
        biases: float64 (classes,).
        cost: C of the machines.
        validated: Mean average precision of every cost of `COSTS` in cross-validation; empty if no class has
            enough images for it.
        slopes, offsets: float64 (classes,), of the probability 1 / (1 + exp(-(slope * score + offset))); None where
            the scores were not calibrated.
    """

    weights: np.ndarray
    biases: np.ndarray
    cost: float
    validated: tuple
    slopes: np.ndarray | None = None
    offsets: np.ndarray | None = None

    def scores(self, features):
        """Return the scores float64 (n, classes) of features (n, dimension)."""
        return unit_length(features) @ self.weights + self.biases


def unit_length(features):
    """Return features, float64 (n, dimension), each divided by its Euclidean length; zeros stay zeros.

    K. Chatfield, K. Simonyan, A. Vedaldi, A. Zisserman, "Return of the Devil in the Details", BMVC 2014, show that
    linear machines on features of networks need it.
    """
    features = np.asarray(features, np.float64)
    lengths = np.linalg.norm(features, axis=-1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1.0)


def fit_classifiers(features, targets, *, seed=0, costs=COSTS, calibrated=False, progress=None):
    """Fit one machine for each class; one cost for all is chosen by the mean average precision in cross-validation.

    Args:
        features: float (n, dimension).
        targets: int (n, classes): 1 the class is there, -1 it is not, 0 the image does not count for that class.
            Every class needs an image with 1 and one with -1.
        seed: Of the folds.
        costs: Values of C to choose from; one leaves nothing to choose.
        calibrated: Whether to fit probabilities to the scores, too, by cross-validation.
        progress: Function of (fits done, fits in all), or None.

    Returns:
        `LinearClassifiers`. Machines minimise |w|^2 / 2 + C sum max(0, 1 - y (w . f + b))^2.
    """
    features, classes = unit_length(features), targets.shape[1]
    validating = [c for c in range(classes) if len(costs) > 1 and _fewest(targets[:, c]) >= 2]
    jobs = [(cost, column) for cost in costs for column in validating]
    done, report = 0, progress or (lambda done, total: None)

    def each(function, arguments):
        """Return the results of a function in order, two at a time."""
        nonlocal done
        found = []
        for result in workers.map(function, arguments):
            found.append(result)
            done += 1
            report(done, len(jobs) + (1 + calibrated) * classes)
        return found

    # The fits are in C++ and let go of Python's lock.
    with ThreadPoolExecutor(_WORKERS) as workers:
        found = each(lambda job: _validated(features, targets[:, job[1]], job[0], seed), jobs)
        validated = np.reshape(found, (len(costs), -1)).mean(1) if validating else np.empty(0)
        # Of equals the smallest: the widest margin.
        cost = costs[np.argmax(validated)] if validating else costs[len(costs) // 2]
        machines = each(lambda column: _machine(features, targets[:, column], cost), range(classes))
        sigmoids = np.full((classes, 2), np.nan)
        if calibrated:
            sigmoids = each(
                lambda column: _calibrated(features, targets[:, column], cost, seed), range(classes)
            )
    weights = np.stack([machine.coef_[0] for machine in machines], -1)
    biases = np.array([machine.intercept_[0] for machine in machines])
    found = LinearClassifiers(weights, biases, cost, tuple(validated.tolist()))
    slopes, offsets = np.array(sigmoids, float).T
    return replace(found, slopes=slopes, offsets=offsets) if calibrated else found


def check_examples(targets, class_names, images):
    """Raise InputError for classes without an image that has them, or without one that has them not.

    Args:
        targets: int (n, classes).
        class_names: One name per class.
        images: What the images are, such as `training images of voc2007:PATH`.
    """
    for sign, kind in ((1, "positive"), (-1, "negative")):
        there = (targets == sign).any(0)
        lacking = [name for name, found in zip(class_names, there, strict=True) if not found]
        if lacking:
            left = [name for name, found in zip(class_names, there, strict=True) if found]
            which = f"class {lacking[0]} has" if len(lacking) == 1 else f"classes {', '.join(lacking)} have"
            remedy = f"take the others alone by `classes` {','.join(left)}" if left else "add some"
            raise InputError(
                f"The {which} no {kind} example among the {len(targets)} {images}; {remedy}, or add images."
            )


def _fewest(column):
    return min(np.count_nonzero(column == 1), np.count_nonzero(column == -1))


def _validated(features, column, cost, seed):
    """Return the mean average precision over the folds of the images that count."""
    places = np.flatnonzero(column)
    folds = StratifiedKFold(min(FOLDS, _fewest(column)), shuffle=True, random_state=seed)
    found = []
    for fitting, testing in folds.split(places, column[places]):
        fitting, testing = places[fitting], places[testing]
        machine = _machine(features[fitting], column[fitting], cost)
        found.append(average_precision(machine.decision_function(features[testing]), column[testing]))
    return np.mean(found)


def _machine(features, column, cost):
    counts = column != 0
    # The primal problem, which converges whatever the cost.
    return LinearSVC(C=cost, dual=False, tol=_TOLERANCE).fit(features[counts], column[counts])


def _calibrated(features, column, cost, seed):
    """Return slope and offset of the probability of a class, fitted to scores of images that the machine had not."""
    places, fewest = np.flatnonzero(column), _fewest(column)
    if fewest < 2:
        # Too few images for cross-validation: the score is then the logarithm of the odds.
        return 1.0, 0.0
    folds = StratifiedKFold(min(FOLDS, fewest), shuffle=True, random_state=seed)
    machine = LinearSVC(C=cost, dual=False, tol=_TOLERANCE)
    found = cross_val_predict(machine, features[places], column[places], cv=folds, method="decision_function")
    return fit_sigmoid(found, column[places] == 1)


def keep_classifiers(file, machines, class_names, digest):
    """Write classifiers, with a digest of what they were fitted to."""
    found = {name: value for name, value in vars(machines).items() if value is not None}
    with atomic_path(file) as temporary:
        np.savez(temporary, **found, class_names=np.array(class_names), digest=np.array(digest))


def read_classifiers(file):
    """Return the `LinearClassifiers` in a file, the names of their classes, and the digest.

    Raises:
        InputError: The file is damaged.
    """
    again = "remove it and evaluate again."
    try:
        with open_arrays(file) as content:
            validated = tuple(content["validated"].tolist())
            sigmoids = [content[name] for name in ("slopes", "offsets") if name in content.files]
            machines = LinearClassifiers(
                content["weights"], content["biases"], float(content["cost"]), validated, *sigmoids
            )
            class_names, digest = tuple(content["class_names"].tolist()), str(content["digest"])
    except DAMAGED as error:
        raise InputError(f"{file} is damaged ({error}); {again}") from None
    weights, biases = machines.weights, machines.biases
    fit = weights.ndim == 2 and biases.shape == (weights.shape[1],) and len(class_names) == len(biases)
    if not (fit and weights.dtype == biases.dtype == np.float64):
        raise InputError(
            f"{file} is damaged: its weights {weights.dtype} {weights.shape} and biases {biases.dtype} {biases.shape} "
            f"are not float64 (dimension, {len(class_names)}) and ({len(class_names)},); {again}"
        )
    if not (np.isfinite(weights).all() and np.isfinite(biases).all()):
        raise InputError(f"{file} is damaged: a weight is NaN or infinite; {again}")
    if sigmoids and not (
        all(part.shape == biases.shape and np.isfinite(part).all() for part in sigmoids)
        and len(sigmoids) == 2
        and (sigmoids[0] > 0).all()
    ):
        raise InputError(f"{file} is damaged: its slopes and offsets are no calibration; {again}")
    return machines, class_names, digest


def kept_classifiers(file, digest):
    """Return the classifiers of a file if they have this digest; None if they have not, or there are none."""
    if not file.is_file():
        return None
    machines, _, stored = read_classifiers(file)
    return machines if stored == digest else None


def fit_digest(features, targets, settings):
    """Return a SHA-256 over what classifiers are fitted to, and the settings, a tuple of numbers."""
    digest = hashlib.sha256(str((features.shape, targets.shape, settings)).encode())
    for array in (features, targets):
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def average_precision(scores, targets, form=AREA):
    """Return the average precision of one class, from 0 to 1.

    Args:
        scores: Numbers (n,), the higher the surer.
        targets: Integers (n,): 1 the class is there, -1 it is not, 0 the image does not count.
        form: `area`, the area under the steps of the precision over recall, as from VOC2010 on but without making
            precision fall first (that of scikit-learn); or `11-point`, as in VOC2007, of `eleven_point_mean`.

    Returns:
        Float; NaN if no image that counts has the class.

    Reference:
        M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn, A. Zisserman, "The PASCAL Visual Object Classes (VOC)
        Challenge", IJCV 88(2), 2010, section 4.2.
    """
    targets = np.asarray(targets)
    counts = targets != 0
    present, scores = targets[counts] == 1, np.asarray(scores)[counts]
    if not present.any():
        return float("nan")
    if form == AREA:
        return float(average_precision_score(present, scores))
    precisions, recalls, _ = precision_recall_curve(present, scores)
    # The last point, precision 1 at recall 0, belongs to no image.
    return eleven_point_mean(precisions[:-1], recalls[:-1])


def average_precisions(scores, targets, form=AREA):
    """Return the average precision of each class, float64 (classes,).

    Args:
        scores: float (n, classes).
        targets: int (n, classes), as in `average_precision`.
        form: As in `average_precision`.
    """
    return np.array([average_precision(*column, form) for column in zip(scores.T, targets.T, strict=True)])
