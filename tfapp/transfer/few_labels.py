"""What features are worth where few images have labels: classifiers of a few labels a class, by many draws."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tfapp.average_precision import FORMS
from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.records import Entries, ListOf, Number, OneOf, TableOf, Text, Whole, read_record
from tfapp.report.result_table import ResultTable, mean_and_spread
from tfapp.transfer.classifiers import average_precisions, fit_classifiers
from tfapp.transfer.feature_names import LOW

# The count that takes all labels, as it is typed.
ALL = "all"
# Of the machines: a few labels leave nothing to choose it by.
COST = 1.0
# Results of a run, and the folder of what they are made of.
LABELS, FOLDER = "labels.json", "labels"
LABELS_ENTRIES = Entries(
    {
        "ap": OneOf(FORMS),
        "draws": Whole(1),
        "seeds": ListOf(Whole(0)),
        "features": ListOf(
            Entries({"name": Text(), "title": Text(), "precisions": TableOf(ListOf(ListOf(Number(0, 1))))})
        ),
        "images": Whole(1),
        "short": TableOf(Whole(0)),
        "class_names": ListOf(Text()),
        "weights": Text(),
    }
)
_KEPT = Entries({"key": Text(), "precisions": TableOf(ListOf(Number(0, 1)))})
_LEVEL = 0.95


@dataclass(frozen=True)
class LabelCurve:
    """Mean average precisions of one kind of features by the number of labels.

    Attributes:
        name: Of the features, a key of `ComparedFeatures`.
        title: For people.
        precisions: From a count, a number or `ALL`, to a list for each network of one number for each draw.
    """

    name: str
    title: str
    precisions: dict

    def values(self, count):
        """Return the numbers of a count, float64 (networks, draws)."""
        return np.array(self.precisions[count], float)


def parse_counts(text):
    """Return the counts of a text such as `1,5,20,all`, rising.

    Raises:
        InputError: Something else than whole numbers above 0 and `all`.
    """
    found = [part.strip() for part in text.split(",")]
    wrong = next((one for one in found if one != ALL and not (one.isdecimal() and int(one) > 0)), None)
    if wrong is not None:
        raise InputError(
            f"`labels_per_class` {text!r} is not understood at {wrong!r}; expected whole numbers above 0, such as "
            f"1,5,20,{ALL}."
        )
    numbers = sorted({int(one) for one in found if one != ALL})
    return [*numbers, *([ALL] if ALL in found else [])]


def draw_images(targets, count, rng):
    """Return the places of images that have a number of labels of each class, rising.

    The rarest classes come first, and what an image shows besides counts for the others: no class has fewer than
    `count` images unless there are no more.

    Args:
        targets: int (n, classes): 1 the class is there, -1 it is not, 0 the image does not count for it.
        count: Images of each class, positive.
        rng: `numpy.random.Generator`.
    """
    chosen = np.zeros(len(targets), bool)
    for place in np.argsort((targets == 1).sum(0), kind="stable"):
        positive = targets[:, place] == 1
        missing = count - np.count_nonzero(positive & chosen)
        if missing > 0:
            chosen[rng.permutation(np.flatnonzero(positive & ~chosen))[:missing]] = True
    for place in range(targets.shape[1]):
        # A machine needs an image without its class.
        if not (targets[chosen, place] == -1).any():
            chosen[rng.choice(np.flatnonzero(targets[:, place] == -1))] = True
    return np.flatnonzero(chosen)


def label_draws(targets, count, draws, seed):
    """Return the places of the images with labels, an array for each draw; once where each draw has all of them."""
    everything = [np.arange(len(targets))]
    if count == ALL:
        return everything
    generators = (np.random.default_rng([seed, count, number, 0x1AB]) for number in range(draws))
    found = [draw_images(targets, count, rng) for rng in generators]
    return everything if all(len(places) == len(targets) for places in found) else found


def measure_curve(features, targets, counts, file, *, draws, seed, form, progress=None):
    """Return the mean average precisions of one kind of features of one network, {count: list over draws}.

    Args:
        features: (float32 (n, dimension) to fit on, float32 (m, dimension) to test on).
        targets: int8 (n, classes) and int8 (m, classes).
        counts: As `parse_counts` returns them.
        file: `Path` of a JSON file that keeps what was measured; what it has of the same features is taken.
        draws: Draws of each count.
        seed: Of the draws.
        form: Of the average precision.
        progress: Function that is called after each fit, or None.
    """
    fitting, testing = features
    digest = hashlib.sha256()
    for array in (fitting, testing, *targets):
        digest.update(np.ascontiguousarray(array))
    digest.update(repr((draws, seed, form, COST)).encode())
    key, kept = digest.hexdigest(), {}
    if file.is_file():
        stored = read_record(file, _KEPT, "remove it and run the same command again.")
        kept = stored["precisions"] if stored["key"] == key else {}
    for count in counts:
        chosen = label_draws(targets[0], count, draws, seed)
        if str(count) not in kept:
            found = []
            for places in chosen:
                machines = fit_classifiers(fitting[places], targets[0][places], costs=(COST,))
                precisions = average_precisions(machines.scores(testing), targets[1], form)
                found.append(float(precisions.mean()))
                if progress:
                    progress(1)
            kept[str(count)] = found
            write_json(file, {"key": key, "precisions": kept})
        elif progress:
            progress(len(chosen))
    return {count: kept[str(count)] for count in counts}


def difference(first, second):
    """Return the mean of paired differences, and the half width of its 95 % interval, None where nothing says it.

    Both networks and draws are chance, and each draw is that of all networks: the variance of the mean is taken as the
    sum of those of the means by network and of the means by draw, which is never less than it is; Student's t has the
    degrees of freedom of Welch and Satterthwaite.

    Args:
        first, second: (networks, draws); one network stands for any number.
    """
    differences = np.asarray(first, float) - np.asarray(second, float)
    parts = []
    for axis in (1, 0):
        means = differences.mean(axis)
        if len(means) > 1:
            parts.append((means.var(ddof=1) / len(means), len(means) - 1))
    variance = sum(part for part, _ in parts)
    # Draws that do not differ say nothing of chance.
    if not parts or variance == 0:
        return float(differences.mean()), None
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    half = stats.t.ppf((1 + _LEVEL) / 2, freedom) * np.sqrt(variance)
    return float(differences.mean()), float(half)


def curves_table(curves) -> ResultTable:
    """Return mean average precisions in percent: a row for each kind of features, a column for each count."""
    counts = list(curves[0].precisions)
    rows = [
        [one.title, *(mean_and_spread((100 * one.values(count)).ravel(), ".1f") for count in counts)]
        for one in curves
    ]
    return ResultTable(["features", *map(_labels, counts)], rows, "mean AP by the labels of each class, %")


def differences_table(curves, against=LOW) -> ResultTable:
    """Return the differences to one kind of features in points, with their 95 % intervals."""
    counts = list(curves[0].precisions)
    base = next(one for one in curves if one.name == against)
    rows = []
    for one in curves:
        if one is base:
            continue
        found = [difference(100 * one.values(count), 100 * base.values(count)) for count in counts]
        rows.append([one.title, *(_with_interval(*pair) for pair in found)])
    header = ["features", *map(_labels, counts)]
    title = (
        f"points of mean AP above {base.title}, with 95 % intervals where several draws or networks tell them"
    )
    return ResultTable(header, rows, title)


def _with_interval(mean, half):
    return f"{mean:+.1f}" if half is None else f"{mean:+.1f} ± {half:.1f}"


def _labels(count):
    return "all labels" if count == ALL else f"{count} label{'s' * (count > 1)}"


def curves_from(content):
    """Return the `LabelCurve`s of the content of `labels.json`."""
    found = []
    for one in content["features"]:
        precisions = {
            ALL if count == ALL else int(count): values for count, values in one["precisions"].items()
        }
        found.append(LabelCurve(one["name"], one["title"], precisions))
    return found


def short_of(targets, class_names, counts):
    """Return {class name: its images} of classes with fewer images than the largest count."""
    numbers = [count for count in counts if count != ALL]
    found = defaultdict(int)
    for name, number in zip(class_names, (targets == 1).sum(0), strict=True):
        if numbers and number < max(numbers):
            found[name] = int(number)
    return dict(found)


def labels_remark(content):
    """Return how the numbers came about, in words."""
    networks = len(content["seeds"])
    of_networks = "one network" if networks == 1 else f"{networks} networks"
    draws = "one draw" if content["draws"] == 1 else f"{content['draws']} draws"
    short = content["short"]
    few = ", ".join(f"{name} ({number})" for name, number in short.items())
    told = f" Classes with fewer images than asked for give all: {few}." if short else ""
    return (
        f"Linear machines with C = {COST:g} for {len(content['class_names'])} classes "
        f"({', '.join(content['class_names'])}), fitted to images of {draws}, the same for all features, of "
        f"{of_networks} each ({ALL}: once). Mean ± standard deviation over draws and networks; intervals "
        f"are of paired differences and count both as chance.{told}"
    )
