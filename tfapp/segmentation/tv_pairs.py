"""A network and its regularised twin, trained alike: what every row of the paper's tables compares."""

import json
from dataclasses import dataclass, replace
from functools import partial

from tfapp.checkpoints import read_history
from tfapp.files import write_json
from tfapp.runs import MODEL, Run
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate, store_metrics
from tfapp.segmentation.post_tv import choose_weight
from tfapp.segmentation.tv_tables import spaced

HEADS = ("softmax", "tv-softmax")
CHOICE = "post-tv.json"


@dataclass(frozen=True)
class Pair:
    """Two finished runs of one seed.

    Attributes:
        plain: `Run` with the softmax.
        regular: `Run` with the TV softmax.
        weight: Lambda of the converged total variation put behind `plain`.
    """

    plain: Run
    regular: Run
    weight: float

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


def chosen_weight(run, advance=lambda: None):
    """Return `choose_weight` of a run, from its folder where it was chosen before.

    Args:
        run: Finished `Run` with the softmax.
        advance: Called after each weight, for a progress bar.
    """
    weight = _stored_weight(run)
    if weight is None:
        weight = choose_weight(run, advance=advance)
        write_json(run.path / CHOICE, {"weight": weight, "epochs": run.config["epochs"]})
    return weight


def _stored_weight(run):
    try:
        stored = json.loads((run.path / CHOICE).read_text(encoding="utf-8"))
        # A run that went on for more epochs is another network.
        return stored["weight"] if stored["epochs"] == run.config["epochs"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def evaluate_pair(pair, noises, test_images=None, *, advance=lambda note: None):
    """Test a pair under noise, store the measures in the run folders, and return three `Evaluation`s.

    Args:
        pair: A `Pair`.
        noises: List of `Noise`.
        test_images: Number of test images, evenly spaced over all; None for all.
        advance: Called as `advance(title)` after each noise, for a progress bar.
    """
    items = spaced(pair.plain.items("test"), test_images)
    data = {run: EvaluationData(run, run.dataset, items) for run in (pair.plain, pair.regular)}
    evaluations = []
    for title, run, weight in pair.heads:
        segmenter = Segmenter(run, weight)
        # One column for all seeds, though each has its own lambda.
        result = evaluate(segmenter, data[run], noises, advance=partial(advance, title))
        evaluations.append(replace(result, title=title))
        store_metrics(run, evaluations[-1])
    return evaluations


def stored_pairs(folder, model):
    """Return the `Pair`s of a network in a folder that are trained and whose lambda is chosen, by seed."""
    pairs = []
    for file in folder.glob(f"{model}-seed*/{CHOICE}"):
        regular = file.parent.with_name(f"r{file.parent.name}")
        if (regular / MODEL).is_file():
            plain = Run.open(file.parent)
            pairs.append(Pair(plain, Run.open(regular), chosen_weight(plain)))
    return sorted(pairs, key=lambda pair: pair.seed)
