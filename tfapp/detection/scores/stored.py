"""The scores of an evaluated run as they stand in its folder, and the rules by which its boxes were taken."""

from dataclasses import asdict

from tfapp.detection.detector import Rules
from tfapp.detection.scores.evaluation import METRICS_ENTRIES
from tfapp.records import Entries, Number, Optional, Text, Whole, read_record

METRICS = "metrics.json"
_RULES = Entries({"nms": Number(0), "min_score": Number(0), "max_boxes": Whole(1), "max_proposals": Whole(1)})
METRICS_OF_RUN = Entries({"weights": Text(), "scores": METRICS_ENTRIES}, {"rules": Optional(_RULES)})


def read_metrics(run):
    """Return the content of the metrics of a run, `METRICS_OF_RUN`; None if it has none.

    Args:
        run: `tfapp.detection.run.DetectionRun`.

    Raises:
        InputError: The file is damaged.
    """
    again = f"run `tfapp detect evaluate {run.typed_path}` again."
    try:
        return read_record(run.path / METRICS, METRICS_OF_RUN, again)
    except FileNotFoundError:
        return None


def evaluated_rules(run):
    """Return the `Rules` of the last evaluation of a run as it is now, and its scores; the usual ones and None without.

    Args:
        run: As of `read_metrics`.

    Raises:
        InputError: The file is damaged.
    """
    metrics = read_metrics(run)
    if metrics is None or not run.is_current(metrics["weights"]) or not metrics.get("rules"):
        return Rules(), None
    rules = Rules(**{name: metrics["rules"][name] for name in asdict(Rules())})
    rules.check()
    return rules, metrics["scores"]
