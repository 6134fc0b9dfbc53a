"""Gains of training through the regulariser: the trainings of `tv-study`, and what they measure."""

import json
from collections import defaultdict
from dataclasses import dataclass, replace

from tfapp.data import parse_noises
from tfapp.files import write_json
from tfapp.report.result_table import DASH, ResultTable, Summary, document
from tfapp.reproduce.tv.pairs import choose_weight
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate
from tfapp.segmentation.metrics import RE_DEFINITION

NOISES = ("gaussian=0.05,0.1,0.2,0.3", "salt-and-pepper=0.01,0.05")
BASELINE = "Unet+TV"
BASE = TrainConfig(
    base_width=8,
    batch_size=4,
    epochs=4,
    steps_per_epoch=100,
    test_share=0.3,
    validation_share=0.1,
    train_images=20,
)
SETTINGS = {
    "base": {},
    "few": {"train_images": 6},
    "many": {"train_images": 60},
    "long": {"epochs": 12},
    "sgd": {"optimizer": "sgd", "learning_rate": 0.03, "epochs": 12},
}
# Folder of the runs, title and options of every way to train.
METHODS = {
    "softmax": ("Unet", {"head": "softmax"}),
    "one-step": ("one-step", {"tv_gradient": "one-step"}),
    "implicit": ("implicit", {}),
    "fixed": ("implicit, λ = 1 fixed", {"learn_tv_weight": False}),
    "per-class": ("implicit, λ per class", {"tv_per_class": True}),
}
MEASURES = ("mean_iou", "accuracy", "regularisation_effect")
RESULT = "study.json"


@dataclass(frozen=True)
class Job:
    """One training: its folder below the study's, and its configuration."""

    folder: str
    setting: str
    method: str
    config: TrainConfig


def jobs(common, available, settings, methods, seeds):
    """Return the `Job`s, all settings of one seed before the next.

    Lambda fixed and lambda per class are trained in the base setting only.

    Args:
        common: Options of all runs, such as `{"resize": (96, 96)}`.
        available: Number of training images that the split has; a setting that asks for more is left out,
            and the base one takes all if there are fewer than it asks for.
        settings: Names of `SETTINGS`.
        methods: Names of `METHODS`.
        seeds: Seeds of training.
    """
    found = []
    for seed in seeds:
        for setting in settings:
            base = replace(BASE, **common, **SETTINGS[setting], seed=seed)
            if base.train_images > available:
                if setting == "many":
                    continue
                base = replace(base, train_images=None)
            for method in methods:
                if setting == "base" or method not in ("fixed", "per-class"):
                    config = replace(base, **METHODS[method][1])
                    found.append(Job(f"{setting}/{method}-seed{seed}", setting, method, config))
    return found


def measure(run, title):
    """Test a run under the study's noises, a softmax run with the baseline too; keep the result in its folder.

    Returns:
        Dictionary from title to `{"tv_weight": lambda or None, "rows": {noise: [mIoU, accuracy, RE]},
        "re_definition": RE_DEFINITION}`, measures in percent.
    """
    file = run.path / RESULT
    if file.is_file():
        stored = json.loads(file.read_text(encoding="utf-8"))
        # Of an earlier version, whose RE was smaller.
        if all(measured.get("re_definition") == RE_DEFINITION for measured in stored.values()):
            return stored
    data = EvaluationData(run)
    result = {title: _measured(run, None, data)}
    if run.config["head"] == "softmax":
        result[BASELINE] = _measured(run, choose_weight(run), data)
    write_json(file, result)
    return result


def _measured(run, weight, data):
    rows = evaluate(Segmenter(run, weight), data, parse_noises(NOISES)).rows
    scales = (100.0, 100.0, 1.0)
    return {
        "tv_weight": weight,
        "rows": {
            row.noise: [s * getattr(row, name) for s, name in zip(scales, MEASURES, strict=True)]
            for row in rows
        },
        "re_definition": RE_DEFINITION,
    }


class Gains:
    """Results of all runs, compared with the baseline of the same seed and setting."""

    def __init__(self):
        self.values = defaultdict(dict)  # (setting, title) -> seed -> result

    def add(self, setting, seed, result):
        """Add what `measure` returned for one run."""
        for title, measured in result.items():
            self.values[setting, title][seed] = measured

    @property
    def settings(self):
        return list(dict.fromkeys(setting for setting, _ in self.values))

    @property
    def titles(self):
        return list(dict.fromkeys(title for _, title in self.values))

    def mean(self, setting, title, noise) -> Summary | None:
        """Return the mIoU over seeds, in percent; None without a training."""
        seeds = self.values.get((setting, title), {})
        return _summary([measured["rows"][noise][0] for measured in seeds.values()])

    def gain(self, setting, title, noise) -> Summary | None:
        """Return the mIoU minus the baseline's of the same seed, in percent; None without a pair of trainings."""
        ours, theirs = self.values.get((setting, title), {}), self.values.get((setting, BASELINE), {})
        shared = [seed for seed in ours if seed in theirs]
        return _summary([ours[s]["rows"][noise][0] - theirs[s]["rows"][noise][0] for s in shared])

    def markdown(self, noises=("clean", "gaussian 0.1", "gaussian 0.3", "salt-and-pepper 0.05")):
        """Return a table: the baseline's mIoU, then every other's gain over it, mean ± spread over seeds."""
        others = [title for title in self.titles if title != BASELINE]
        header = ["setting", "noise", f"{BASELINE} mIoU", *(f"{title} −{BASELINE}" for title in others)]
        lines = []
        for setting in self.settings:
            for noise in noises:
                cells = [_text(self.mean(setting, BASELINE, noise), ".2f")]
                cells += [_text(self.gain(setting, title, noise), "+.2f") for title in others]
                lines.append([setting, noise, *cells])
        return document(ResultTable(header, lines))

    def write_csv(self, path):
        """Write one row per setting, title, seed and noise."""
        rows = []
        for (setting, title), seeds in self.values.items():
            for seed, measured in sorted(seeds.items()):
                weight = "" if measured["tv_weight"] is None else f"{measured['tv_weight']:g}"
                for noise, values in measured["rows"].items():
                    rows.append([setting, title, seed, weight, noise, *(f"{value:.3f}" for value in values)])
        header = ["setting", "title", "seed", "lambda behind", "noise", "mIoU", "accuracy", "RE"]
        ResultTable(header, rows).write_csv(path)


def _summary(values):
    return Summary.of(values) if values else None


def _text(summary, form):
    return DASH if summary is None else summary.text(form, ".2f")
