"""Simulated scenes as files."""

import numpy as np
from PIL import Image

from tfapp.files import atomic_path, write_json


def stem_of(number):
    return f"{number:05d}"


def is_complete(path, number):
    """Return whether a folder has all of a scene: its poses are written last."""
    return _poses(path, number).is_file()


def write_scene(path, number, scene) -> None:
    """Write a scene into a folder as `SceneFolder` reads it."""
    stem = stem_of(number)
    with atomic_path(path / "depth" / f"{stem}.npy") as temporary:
        np.save(temporary, scene.view.depth)
    _write_png(path / "mask" / f"{stem}.png", np.where(scene.view.labels, 255, 0).astype(np.uint8))
    _write_png(path / "truth" / "labels" / f"{stem}.png", scene.view.labels)
    poses = {"rotation": scene.rotation.tolist(), "translation": scene.translation.tolist()}
    write_json(_poses(path, number), poses)


def _poses(path, number):
    return path / "truth" / "poses" / f"{stem_of(number)}.json"


def _write_png(path, picture):
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary)
