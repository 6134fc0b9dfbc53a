"""Refined poses as they are served, beside those that `tfapp pose segment` finds, on held-out scenes with a truth.

    tfapp export RUN served/NAME
    python benchmarks/served_poses.py RUN served/NAME

The exported folder answers through TensorFlow's C++ session, one scene a request. Told are the errors of its poses and
of those of the Python refinement, the F1 of its labels, the largest difference from the same graph called operation by
operation, and how long a request takes as a ratio to the refinement of a scene in Python.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy.spatial.transform import Rotation

from tfapp.export.versions import resolve_saved_model
from tfapp.pose.evaluate import register
from tfapp.pose.evaluation.instances import mean_over_scenes, pair_scores
from tfapp.pose.evaluation.pose_errors import part_poses, pose_errors
from tfapp.pose.observations import observe
from tfapp.pose.predictor import open_run, predictor
from tfapp.pose.scene_comparison import part_symmetries
from tfapp.pose.scenes.camera import Camera
from tfapp.pose.served.exporting import served_run

_COMPARED = ("quaternion", "translation", "residual", "margin", "shown", "confidence")


def ask(folder, depth):
    """Return the answers of a SavedModel to each image, dict of arrays, and the seconds that each took."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        signature = graph.signature_def["serving_default"]
        outputs = {alias: info.name for alias, info in signature.outputs.items()}
        answers, seconds = [], []
        for one in (depth[0], *depth):
            begun = time.perf_counter()
            answers.append(session.run(outputs, {signature.inputs["depth"].name: one[np.newaxis]}))
            seconds.append(time.perf_counter() - begun)
    # The first request is slower than all others.
    return {alias: np.concatenate([one[alias] for one in answers[1:]]) for alias in outputs}, seconds[1:]


def told(name, errors):
    angles = np.degrees(np.concatenate([one.rotation for one in errors]))
    lengths = 1000 * np.concatenate([one.translation for one in errors])
    found = np.isfinite(angles)
    lost = sum(int((one.matched < 0).sum()) for one in errors)
    good = [((angles < limit) & (lengths < 5)).sum() / len(angles) for limit in (5, 10)]
    print(
        f"{name}: rotation median {np.median(angles):.2f} mean {angles[found].mean():.2f} deg; translation median "
        f"{np.median(lengths):.2f} mean {lengths[found].mean():.2f} mm; within 5 deg and 5 mm {good[0]:.3f}, 10 deg "
        f"and 5 mm {good[1]:.3f}; {len(angles)} instances, {lost} without a pose"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("served", type=Path)
    parser.add_argument("--scenes", type=int, default=50)
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    folder, numbers = run.folder(), run.splits["held-out"][: arguments.scenes]
    observations = observe(folder, run.config["observed"], indices=numbers, seed=run.config["seed"])
    depth = observations.seen_by(Camera(**run.record["camera"]))
    chosen = predictor(run, refined=True)
    registration, symmetries = register(chosen.object_points, folder), part_symmetries(folder)

    def errors(rotation, translation, number):
        estimated = part_poses(rotation, translation, np.zeros(len(rotation), bool), registration)
        return pose_errors(estimated, folder.poses(int(number)), symmetries)

    served, seconds = ask(resolve_saved_model(arguments.served), depth)
    told(
        "served",
        [
            errors(
                Rotation.from_quat(quaternion[there][:, [1, 2, 3, 0]]).as_matrix(),
                place[there].astype(float),
                number,
            )
            for quaternion, place, there, number in zip(
                served["quaternion"], served["translation"], served["found"], numbers, strict=True
            )
        ],
    )
    if folder.has_labels:
        scores = []
        for labels, number in zip(served["labels"], numbers, strict=True):
            truth = folder.labels(int(number))
            known = (truth > 0) & (labels > 0)
            scores.append(pair_scores(labels[known].astype(int), truth[known]))
        print(f"served: F1 of labels {mean_over_scenes(scores).f1:.4f}")
    network = served_run(run).network
    eager = [network(one[np.newaxis], training=False) for one in depth]
    eager = {alias: np.concatenate([one[alias] for one in eager]) for alias in served}
    # Per instance, over all its numbers.
    away = np.stack(
        [np.abs(served[name] - eager[name]).reshape(*served["found"].shape, -1).max(-1) for name in _COMPARED]
    ).max(0)
    print(
        f"difference to Python: {(away <= 1e-3).mean():.4f} of {away.size} instances within 1e-3, the median of all "
        f"{np.median(away):.1e}, the largest of these {away[away <= 1e-3].max():.1e}; confidence of the others "
        f"{np.sort(served['confidence'][away > 1e-3]).round(2).tolist()}"
    )
    times, found = [], []
    for position, number in enumerate(numbers):
        one = observations.select(slice(position, position + 1))
        begun = time.perf_counter()
        [poses] = chosen.poses(folder, one)
        times.append(time.perf_counter() - begun)
        found.append(errors(poses.rotation, poses.translation, number))
    told("Python", found)
    python = np.quantile(times, 0.25)
    mine = np.quantile(seconds, 0.25)
    print(
        f"time_ratio {mine / python:.3f} (served {1000 * mine:.0f} ms, Python {1000 * python:.0f} ms a scene)"
    )


if __name__ == "__main__":
    main()
