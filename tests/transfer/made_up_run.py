"""Measures of a run that was never trained, and its folder, for pictures and the page."""

import json
from dataclasses import asdict

import numpy as np
from PIL import Image

from tfapp.transfer.config import TransferConfig
from tfapp.transfer.embedding import EMBEDDED, Embedding, write_embedding
from tfapp.transfer.run import TransferRun

CLASSES = ("bird", "cat", "dog")
HR, LR = (0.9, 0.8, 0.95), (0.7, 0.72, 0.6)
ROWS = [{"iteration": 250 * i, "loss": 4 / i, "accuracy": 1 - 1 / i} for i in range(1, 5)]


def metrics(ours=0.02, untrained=0.005, names=CLASSES, high=HR, low=LR):
    """Return the content of `metrics.json`; `ours` and `untrained` are added to LR."""
    values = {"high": np.array(high), "low": np.array(low)}
    values |= {"transferred": values["low"] + ours, "untrained": values["low"] + untrained}
    titles = ("HR", "LR", "ours, own cluster", "same network, not trained")
    return {
        "class_names": list(names),
        "ap": "area",
        "features": [result(name, title, values[name]) for name, title in zip(values, titles, strict=True)],
        "positives": [40] * len(names),
        "images": {"train": 300, "test": 120, "skipped": []},
        "pseudo_labels": {"reading": "own", "agreement": 0.31, "accuracy": 0.87},
    }


def result(name, title, values):
    precisions = {"area": values.tolist(), "11-point": (values / 2).tolist()}
    return {
        "name": name,
        "title": title,
        "dimension": 8,
        "cost": 10.0,
        "average_precision": precisions,
        "mean": {form: float(np.mean(column)) for form, column in precisions.items()},
        "accuracy": None,
    }


def grid():
    """Return the content of `grid.json`: two seeds of two sizes of the first layer, one of them with a second."""
    means = {(64, 10, 0): 0.60, (64, 10, 1): 0.64, (128, 10, 0): 0.70, (128, 10, 1): 0.72, (128, 20, 0): 0.65}
    cells = [
        {"hidden": n1, "clusters": n2, "seed": seed, "mean": {"area": mean, "11-point": mean / 2}}
        for (n1, n2, seed), mean in means.items()
    ]
    return {"ap": "area", "low": 0.66, "high": 0.9, "cells": cells}


def embedding(names=CLASSES, count=30):
    rng = np.random.default_rng(0)
    classes = np.arange(count) % len(names)
    points = {name: rng.normal(size=(count, 2)).astype(np.float32) for name in EMBEDDED}
    agreements = dict(zip(EMBEDDED, ((0.9, 0.95), (0.5, 0.55), (0.625, 0.5)), strict=True))
    return Embedding(points, classes, tuple(names), np.arange(count), agreements)


def begun_run(folder, **config):
    """Write `run.json` alone and return the `TransferRun`."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "format": 1,
        "kind": "transfer",
        "command": f"tfapp transfer train labels:own --out {folder}",
        "created": "2026-11-22T02:00:00+00:00",
        "config": asdict(TransferConfig(**{"backbone": "own.keras", "high": 16, "low": 4} | config)),
        "data": {"spec": "labels:/own", "fingerprint": "ab" * 32, "class_names": list(CLASSES)},
        "backbone": {"name": "own.keras", "layer": "input of scores", "weights": "cd" * 32},
        "versions": {"tfapp": "0.1.0"},
    }
    (folder / "run.json").write_text(json.dumps(record))
    return TransferRun.open(folder)


def finished_run(folder, measured, **config):
    """Write all that the page shows of a run with this content of `metrics.json`, and return the `TransferRun`."""
    run = begun_run(folder, **config)
    (folder / "transfer.keras").touch()
    (folder / "metrics.json").write_text(json.dumps(measured))
    (folder / "grid.json").write_text(json.dumps(grid()))
    write_embedding(embedding(), folder / "embedding.npz")
    (folder / "figures").mkdir()
    for name in ("precision", "history", "samples", "grid", "tsne"):
        Image.new("RGB", (4, 3)).save(folder / "figures" / f"{name}.png")
    return run
