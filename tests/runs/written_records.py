"""Content of `run.json` of runs that were never begun, with no more than it must have."""

SEGMENTER = {
    "format": 1,
    "command": "tfapp train cells:6:32 --out run",
    "config": {
        "model": "unet",
        "head": "softmax",
        "resize": None,
        "patch": None,
        "overlap": 0,
        "seed": 0,
        "split_seed": 0,
        "epochs": 1,
    },
    "data": {
        "spec": "cells:6:32",
        "fingerprint": "ab" * 32,
        "class_names": ["background", "cytoplasm", "nucleus"],
        "channels": 3,
        "split": {"train": ["0000", "0001"], "validation": [], "test": ["0002"]},
    },
}
POSE = {
    "format": 1,
    "kind": "pose",
    "command": "tfapp pose train scenes --out run",
    "created": "2026-11-28T19:25:01+00:00",
    "config": {"backbone": "small", "observed": 24, "epochs": 1, "seed": 0},
    "instances": 2,
    "frame": {"centre": [0.0, 0.0, 0.45], "unit": 0.06},
    "camera": {"width": 32, "height": 32, "fx": 97.5, "fy": 97.5, "cx": 16.0, "cy": 16.0, "depth_scale": 1.0},
    "data": {
        "path": "/scenes",
        "foreground": "mask",
        "stems": ["00000", "00001"],
        "parts": {"training": [0], "held-out": [1]},
    },
}
TRANSFER = {
    "format": 1,
    "kind": "transfer",
    "command": "tfapp transfer train digits:200 --out run",
    "created": "2026-11-28T19:25:46+00:00",
    "config": {"backbone": "small.keras", "high": 8, "low": 4},
    "data": {"spec": "digits:200", "fingerprint": "cd" * 32, "class_names": ["0", "1"]},
    "backbone": {"name": "small.keras", "layer": "input of scores", "weights": "ef" * 32},
}
