"""Fit the regression behind the confidence of refined poses, on runs whose scenes have a truth.

    python benchmarks/pose_confidence.py RUN [RUN ...] --out results/pose/confidence.csv

A pose counts as right within 10 degrees and a tenth of the part's extent. For every run the regression is fitted on the
others, and its area under the ROC curve and precisions are told; the weights that are printed are fitted on all.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from tfapp.pose.evaluate import register
from tfapp.pose.evaluation.abstention import abstention_scores
from tfapp.pose.evaluation.pose_errors import part_poses, pose_errors
from tfapp.pose.observations import observe
from tfapp.pose.predictor import open_run, predictor
from tfapp.pose.refinement.confidence import Evidences, features
from tfapp.pose.scene_comparison import part_symmetries

# A pose is the surer the smaller its residual, the more of it is shown, and the larger its margin.
SIGNS = np.array([-1, 1, 1])
RIGHT_ANGLE, RIGHT_SHARE = np.radians(10), 0.1


def examples(path):
    """Return the features `(n, 3)` and whether each pose is right, bool `(n,)`, of a run's held-out instances."""
    run = open_run(path)
    chosen, folder = predictor(run, refined=True), run.folder()
    numbers = run.splits["held-out"]
    observations = observe(folder, run.config["observed"], indices=numbers, seed=run.config["seed"])
    poses = chosen.poses(folder, observations)
    registration, symmetries = register(chosen.object_points, folder), part_symmetries(folder)
    rows, right = [], []
    for number, found in zip(numbers, poses, strict=True):
        estimated = part_poses(found.rotation, found.translation, found.reflected, registration)
        errors = pose_errors(estimated, folder.poses(int(number)), symmetries)
        told = features(Evidences(found.residual, found.shown, found.margin), chosen.refined.extent)
        rows.append(told[errors.matched])
        near = errors.translation < RIGHT_SHARE * chosen.refined.extent
        right.append((errors.rotation < RIGHT_ANGLE) & near)
    return np.concatenate(rows), np.concatenate(right)


def fitted(rows, right):
    """Return weights and bias of the logistic regression, without the features that would count the wrong way."""
    used = np.ones(rows.shape[1], bool)
    while True:
        model = LogisticRegression(C=10.0).fit(rows[:, used], right)
        weights = np.zeros(rows.shape[1])
        weights[used] = model.coef_[0]
        wrong = weights * SIGNS < 0
        if not wrong.any():
            return weights, float(model.intercept_[0])
        used &= ~wrong


def scores_of(model, rows):
    return 1 / (1 + np.exp(-(rows @ model[0] + model[1])))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    sets = {path.name: examples(path) for path in arguments.runs}
    table = [
        ("run", "instances", "right", "AUROC", "precision at 50 %", "precision at 80 %", "mean confidence")
    ]
    for name, (rows, right) in sets.items():
        others = [one for other, one in sets.items() if other != name] or [(rows, right)]
        model = fitted(*(np.concatenate(parts) for parts in zip(*others, strict=True)))
        scores = scores_of(model, rows)
        told = abstention_scores(scores, right)
        area = told["confidence_auroc"]
        found = [
            right.mean(),
            float("nan") if area is None else area,
            told["precision_at_50"],
            told["precision_at_80"],
            scores.mean(),
        ]
        table.append((name, len(right), *(f"{value:.3f}" for value in found)))
    for row in table:
        print(*row, sep="\t")
    model = fitted(*(np.concatenate(parts) for parts in zip(*sets.values(), strict=True)))
    print("weights", model[0].round(3).tolist(), "bias", round(model[1], 3))
    if arguments.out:
        with open(arguments.out, "w", newline="") as file:
            csv.writer(file).writerows(table)


if __name__ == "__main__":
    main()
