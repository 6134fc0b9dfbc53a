"""Pairs of a network and its regularised form, trained alike, and the baseline with TV behind a trained network."""

import json
from dataclasses import dataclass, replace
from functools import partial

from tfapp.data import Noise, parse_noises
from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.reproduce.tv.tables import spaced
from tfapp.runs.ahead import do_ahead
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.comparison import Comparison
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate, store_metrics
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train
from tfapp.segmentation.weight_tuning import measure_weights

HEADS = ("softmax", "tv-softmax")
CHOICE = "post-tv.json"
WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
# Of the training images, where there are none for validation, so many are asked, evenly spaced.
ASKED = 100
CLEAN = Noise("gaussian", 0.0)


@dataclass(frozen=True)
class Pair:
    """Two finished runs of one seed.

    Attributes:
        plain: `Run` with the softmax.
        regular: `Run` with the TV softmax.
        weight: Lambda of the converged total variation put behind `plain`.
        chosen_on: What decided on it: `validation` images, `training` images, or a person's `hand`.
    """

    plain: Run
    regular: Run
    weight: float
    chosen_on: str = "validation"

    @property
    def seed(self):
        return self.plain.config["seed"]

    @property
    def learned_weight(self):
        """Lambda of `regular` at the end of its training."""
        return read_history(self.regular.path)[-1]["tv_weight"]

    @property
    def heads(self):
        """(title, `Run`, lambda behind it or None) of the three columns."""
        plain = self.plain.title
        return (
            (plain, self.plain, None),
            (f"{plain}+TV", self.plain, self.weight),
            (self.regular.title, self.regular, None),
        )


def pair_folders(folder, model, seed):
    """Return the folders of the two runs, by head."""
    return {
        head: folder / f"{prefix}{model}-seed{seed}" for head, prefix in zip(HEADS, ("", "r"), strict=True)
    }


def train_pairs(spec, folder, config, seeds, overwrite, progress):
    """Train a network with both heads and every seed, or resume where it stood.

    Args:
        spec: Dataset as on the command line.
        folder: Of the runs.
        config: The `TrainConfig` of all runs, seed and head aside.
        seeds: Seeds of training.
        overwrite: Whether to remove existing runs first.
        progress: `Progress`.

    Returns:
        One dictionary per seed, from head to `Run`.
    """
    jobs = [(seed, *job) for seed in seeds for job in pair_folders(folder, config.model, seed).items()]
    own = {path: replace(config, head=head, seed=seed) for seed, head, path in jobs}
    calls = [((spec, path, each), {"overwrite": overwrite}) for path, each in own.items()]
    overwrite = not do_ahead(train, calls, progress) and overwrite
    runs = {}
    for number, (seed, head, path) in enumerate(jobs, 1):
        title = f"{path.name} {number}/{len(jobs)}"
        run = train(spec, path, own[path], overwrite=overwrite, progress=progress, title=title)
        runs.setdefault(seed, {})[head] = run
    return list(runs.values())


def choose_weights(runs, progress, given=None):
    """Return the `Pair`s of what `train_pairs` returned, lambda chosen for each, or `given` for all."""
    pairs = []
    with progress.task("choosing λ", len(runs) * len(WEIGHTS)) as task:
        for number, by_head in enumerate(runs, 1):
            plain, regular = (by_head[head] for head in HEADS)
            pairs.append(Pair(plain, regular, *chosen_weight(plain, given, advance=task.advance)))
            task(number * len(WEIGHTS))
    return pairs


def evaluate_pairs(pairs, test_images, progress):
    """Return the `Comparison` of all pairs under the noises of Jia, Liu and Tai (2019), with the scores of shapes.

    None takes all test images.
    """
    noises = parse_noises(["paper"])
    evaluations = []
    with progress.task("evaluating", sum(len(pair.heads) for pair in pairs) * len(noises)) as task:
        for pair in pairs:
            evaluations += evaluate_pair(
                pair, noises, test_images, shapes=True, advance=lambda title: task.advance(note=title)
            )
    return Comparison(evaluations)


def chosen_weight(run, given=None, advance=lambda: None):
    """Return a lambda for a run and what decided on it, from the run's folder where it was chosen before.

    It is the one that is given, otherwise that of `choose_weight` on validation images, or on training images where
    the run has none for validation.

    Args:
        run: Finished `Run` with the softmax.
        given: The weight that a person chose, or None.
        advance: Called after each weight, for a progress bar.

    Returns:
        (lambda, `validation`, `training` or `hand`).
    """
    if given is not None:
        return given, "hand"
    stored = _stored_weight(run)
    if stored is not None:
        return stored
    split = "validation" if run.split.validation else "training"
    weight = choose_weight(run, split=split, advance=advance)
    write_json(run.path / CHOICE, {"weight": weight, "epochs": run.config["epochs"], "chosen_on": split})
    return weight, split


def _stored_weight(run):
    try:
        stored = json.loads((run.path / CHOICE).read_text(encoding="utf-8"))
        if stored["epochs"] != run.config["epochs"]:
            return None  # A run that resumed for more epochs is another network.
        # Earlier versions had validation images always.
        return stored["weight"], stored.get("chosen_on", "validation")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def evaluate_pair(pair, noises, test_images=None, *, shapes=False, advance=lambda note: None):
    """Test a pair under noise, store the measures in the run folders, and return three `Evaluation`s.

    Args:
        pair: A `Pair`.
        noises: List of `Noise`.
        test_images: Number of test images, evenly spaced over all; None for all.
        shapes: Whether to add the scores of shapes.
        advance: Called as `advance(title)` after each noise, for a progress bar.
    """
    items = spaced(pair.plain.items("test"), test_images)
    data = {run: EvaluationData(run, run.dataset, items) for run in (pair.plain, pair.regular)}
    evaluations = []
    for title, run, weight in pair.heads:
        segmenter = Segmenter(run, weight)
        # One column for all seeds, though each has its own lambda.
        result = evaluate(segmenter, data[run], noises, shapes=shapes, advance=partial(advance, title))
        evaluations.append(replace(result, title=title))
        store_metrics(run, evaluations[-1])
    return evaluations


def choose_weight(run, weights=WEIGHTS, *, split="validation", advance=lambda: None):
    """Return the weight lambda of converged total variation that suits a run best.

    The best one has the highest mean IoU on the run's validation images, clean and at their own size; of
    several such weights it is the smallest. The test images have no say in it.

    Args:
        run: Finished `Run` without a TV head.
        weights: The weights to choose from, >= 0.
        split: `validation`, or `training` for `ASKED` of the training images, which a network fits already.
        advance: Called after each weight, for a progress bar.

    Raises:
        InputError: For a run without validation images, or with a TV head.
    """
    if split == "training":
        items = spaced(run.items("train"), ASKED)
    else:
        items = run.items("validation")
    if not items:
        raise InputError(
            f"{run.path} has no validation images to choose lambda on; train with a `validation_share` above 0."
        )
    data = EvaluationData(run, run.dataset, items)
    rows = measure_weights(run, data, sorted(weights), [CLEAN], advance=advance)
    return max(rows, key=lambda weight: rows[weight][0].mean_iou)
