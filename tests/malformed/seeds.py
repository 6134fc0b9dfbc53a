"""Small whole inputs of every kind that the commands read, from which the malformed ones are made."""

import gzip
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import write_folder
from tests.data.voc_tree import write_segmentation, write_voc
from tests.pose.bop_scenes import write_bop

STORED = Path(__file__).parents[1] / "compatibility" / "version_0_1"
# What stands in the stored records for the folder that their commands were typed in.
FOLDER = "/FOLDER"
BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


def write_seeds(root, place):
    """Write runs of every kind, datasets, photographs, meshes and networks.

    Args:
        root: Folder to make.
        place: Where copies of it will stand: full paths in the records are those of the copy.
    """
    shutil.copytree(STORED, root)
    for record in root.glob("runs/*/run.json"):
        record.write_text(record.read_text().replace(FOLDER, str(place)))
    rng = np.random.default_rng(0)
    _own_images(root / "own", rng)
    _photos(root / "photos", rng)
    _labels(root / "labels", rng)
    _idx(root / "mnist", rng)
    _cifar(root / "cifar", rng)
    _class_folders(root / "imagenet", rng)
    _cells(root / "wbc", rng)
    write_voc(root)
    write_segmentation(root, "VOC2012")
    _meshes(root / "parts")
    _clouds(root / "clouds")
    write_bop(root / "bop", 1, 3)
    _networks(root)
    _served_models(root / "models.config")


def _own_images(root, rng):
    """Write a folder of masks with a list of classes, in several formats."""
    write_folder(root, count=6, size=(16, 24), classes=["0 ground", "1 cell", "2 nucleus"])
    for number, suffix in enumerate((".png", ".tif", ".bmp", ".jpg", ".webp", ".jp2")):
        file = root / "images" / f"cell {number}.png"
        _kept_as(file, file.with_suffix(suffix))
    for number, suffix in enumerate((".png", ".tif", ".bmp", ".png", ".gif", ".png")):
        file = root / "masks" / f"cell {number}.png"
        _kept_as(file, file.with_suffix(suffix))
    del rng


def _kept_as(file, other):
    if other != file:
        with Image.open(file) as image:
            image.save(other)
        file.unlink()


def _photos(root, rng):
    root.mkdir()
    for number, suffix in enumerate(
        (".png", ".jpg", ".bmp", ".gif", ".tif", ".webp", ".pgm", ".jp2", ".tga")
    ):
        pixels = rng.integers(0, 256, (16, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels[..., 0] if suffix == ".pgm" else pixels).save(root / f"{number}{suffix}")
    deep = rng.integers(0, 65536, (16, 20), dtype=np.uint16)
    Image.fromarray(deep).save(root / "deep.png")


def _labels(root, rng):
    root.mkdir()
    lines = ["image,split,red,bright"]
    for index in range(16):
        red, bright = index % 2, index // 2 % 2
        picture = rng.integers(0, 60, (8, 8, 3)) + [120 * red, 0, 60] + 70 * bright
        Image.fromarray(picture.astype(np.uint8)).save(root / f"{index}.png")
        lines.append(f"{index}.png,{'test' if index < 6 else 'train'},{red},{bright}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")


def _idx(root, rng):
    root.mkdir()
    for prefix, count in (("train", 30), ("t10k", 10)):
        images, labels = rng.integers(0, 256, (count, 8, 8), np.uint8), np.arange(count, dtype=np.uint8) % 10
        for name, array in ((f"{prefix}-images-idx3-ubyte", images), (f"{prefix}-labels-idx1-ubyte", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (root / f"{name}.gz").write_bytes(gzip.compress(header + array.tobytes()))


def _cifar(root, rng):
    root.mkdir()
    for name in BATCHES:
        data = rng.integers(0, 256, (4, 3072), dtype=np.uint8)
        (root / name).write_bytes(pickle.dumps({b"data": data, b"labels": [0, 1, 2, 3]}, 2))


def _class_folders(root, rng):
    for part, count in (("train", 4), ("val", 2)):
        for name in ("n01", "n02"):
            (root / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{name}_{index}.JPEG")


def _cells(root, rng):
    root.mkdir()
    for stem in ("001", "002", "003", "004"):
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(root / f"{stem}.bmp")
        Image.fromarray(rng.choice([0, 128, 255], (16, 16)).astype(np.uint8)).save(root / f"{stem}.png")


CORNERS = [(x, y, z) for x in (0, 0.03) for y in (0, 0.02) for z in (0, 0.01)]
TRIANGLES = [
    (0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1),
    (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3),
]  # fmt: skip


def _meshes(root):
    """Write a block of 30 x 20 x 10 mm as text, and as binary PLY and STL."""
    root.mkdir()
    corners = "".join("{} {} {}\n".format(*corner) for corner in CORNERS)
    faces = "".join("3 {} {} {}\n".format(*face) for face in TRIANGLES)
    header = "\n".join(
        ["ply", "format {} 1.0", f"element vertex {len(CORNERS)}"]
        + [f"property float {axis}" for axis in "xyz"]
        + [f"element face {len(TRIANGLES)}", "property list uchar int vertex_indices", "end_header", ""]
    )
    (root / "block.ply").write_text(header.format("ascii") + corners + faces)
    packed = b"".join(b"\x03" + np.array(face, "<i4").tobytes() for face in TRIANGLES)
    binary = header.format("binary_little_endian").encode() + np.array(CORNERS, "<f4").tobytes() + packed
    (root / "packed.ply").write_bytes(binary)
    lines = ["v {} {} {}".format(*corner) for corner in CORNERS]
    lines += ["f " + " ".join(str(index + 1) for index in face) for face in TRIANGLES]
    (root / "block.obj").write_text("\n".join(lines) + "\n")
    sides = np.zeros(len(TRIANGLES), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("rest", "<u2")])
    sides["corners"] = np.array(CORNERS)[np.array(TRIANGLES)]
    count = np.array(len(TRIANGLES), "<u4").tobytes()
    (root / "block.stl").write_bytes(bytes(80) + count + sides.tobytes())


def _clouds(root):
    """Write two squares as point clouds in several forms, and as TIFF, with cameras by image."""
    (root / "depth").mkdir(parents=True)
    depth = np.zeros((24, 32))
    depth[6:12, 4:14], depth[10:18, 18:28] = 0.44, 0.46
    rows, columns = np.mgrid[:24, :32]
    points = np.stack([(columns - 15.5) / 90, (rows - 11.5) / 90, np.ones_like(depth)], -1) * depth[..., None]
    grid = points.reshape(-1, 3).astype("<f4")
    shown = grid[grid[:, 2] > 0]
    text = "".join("{} {} {}\n".format(*point) for point in shown)
    head = "ply\nformat {} 1.0\nelement vertex {}\n" + "".join(f"property float {axis}\n" for axis in "xyz")
    head += "end_header\n"
    (root / "depth" / "a.ply").write_text(head.format("ascii", len(shown)) + text)
    binary = head.format("binary_little_endian", len(shown)).encode() + shown.tobytes()
    (root / "depth" / "b.ply").write_bytes(binary)
    pcd = "# .PCD v0.7\nVERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 32\nHEIGHT 24\n"
    pcd += "VIEWPOINT 0 0 0 1 0 0 0\nPOINTS 768\nDATA binary\n"
    (root / "depth" / "c.pcd").write_bytes(pcd.encode() + grid.tobytes())
    Image.fromarray((1000 * depth).astype(np.uint16)).save(root / "depth" / "d.tif")
    lens = {"fx": 90, "fy": 90, "cx": 16, "cy": 12}
    (root / "camera.json").write_text(json.dumps({"width": 32, "height": 24, **lens}))
    matrix = [90, 0, 15.5, 0, 90, 11.5, 0, 0, 1]
    cameras = {"b": {"cam_K": matrix, "depth_scale": 1.0}, "d": {"cam_K": matrix}}
    (root / "scene_camera.json").write_text(json.dumps(cameras))


def _networks(root):
    """Write a segmenter and a classifier of 8 x 8 digits as `.keras`, and weights that the segmenter takes."""
    import keras

    keras.utils.set_random_seed(0)
    images = keras.Input((16, 16, 3))
    scores = keras.layers.Conv2D(3, 3, padding="same")(images)
    segmenter = keras.Model(images, keras.layers.Softmax()(scores))
    segmenter.save(root / "segmenter.keras")
    segmenter.save_weights(root / "other.weights.h5")
    images = keras.Input((8, 8, 1))
    scores = keras.layers.Dense(10)(keras.layers.Flatten()(images))
    classifier = keras.Model(images, keras.layers.Softmax()(scores))
    classifier.compile(loss="sparse_categorical_crossentropy")
    classifier.save(root / "classifier.keras")


def _served_models(path):
    """Write the configuration of a server for the stored export, a field to a line."""
    fields = ('name: "cells"', 'base_path: "/models/served"', 'model_platform: "tensorflow"')
    policy = ("model_version_policy {", "specific {", "versions: 1", "}", "}")
    labels = ("version_labels {", 'key: "stable"', "value: 1", "}")
    lines = ("model_config_list {", "config {", *fields, *policy, *labels, "}", "}")
    path.write_text("\n".join(lines) + "\n")
