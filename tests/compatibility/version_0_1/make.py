"""Write the run folders beside this file anew, with the commit that they stand for; README.md says how."""

import json
import os
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.pose.model import backbones
from tfapp.pose.pose_run import PoseRun
from tfapp.runs import Run
from tfapp.transfer.transfer_run import TransferRun

SMALL = "--base-width 2 --depth 1 --steps-per-epoch 2 --batch-size 2"
POSE = "--points 16 --observed 24 --size 16 --hypotheses 1 --visibility none --batch-size 2 --held-out 0.25"
TRANSFER = "--backbone small.keras --high 8 --low 4 --hidden 4 --clusters 3 --batch-size 12 --value 0.1"
SOLVERS = "--model two-layer --size 4 --train-images 20 --batch-size 10 --solvers sgd=0.1 --grid-epochs 0 --epochs 2"
# What the commands draw, ten times larger than all the rest.
DRAWN = ("*.html", "runs/**/*.png", "scenes/scenes.png")


def tfapp(line):
    """Run a command that must succeed."""
    print("tfapp", line, flush=True)
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 0, result.output


def interrupted(line):
    """Run a training that a person interrupts in its second epoch."""
    print("tfapp", line, "(interrupted)", flush=True)
    whole = keras.callbacks.CallbackList.on_epoch_begin

    def on_epoch_begin(self, epoch, logs=None):
        if epoch:
            raise KeyboardInterrupt
        whole(self, epoch, logs)

    keras.callbacks.CallbackList.on_epoch_begin = on_epoch_begin
    try:
        result = CliRunner().invoke(app, line.split())
    finally:
        keras.callbacks.CallbackList.on_epoch_begin = whole
    assert result.exit_code != 0, result.output


def write_pairs():
    """Write six images of noise on a gradient as `N_clean.png`, and under bright drops as `N_rain.png`."""
    rng = np.random.default_rng(0)
    for kind in ("rain_image", "clean_image"):
        Path("pairs", kind).mkdir(parents=True)
    for index in range(6):
        clean = (8 * np.indices((16, 16)).sum(0)[..., None] + rng.integers(0, 9, 3)).astype(np.uint8)
        rain = np.where(rng.random((16, 16, 1)) < 0.2, 250, clean).astype(np.uint8)
        Image.fromarray(clean).save(f"pairs/clean_image/{index}_clean.png")
        Image.fromarray(rain).save(f"pairs/rain_image/{index}_rain.png")


def write_backbone():
    """Write a classifier with random weights as `small.keras`."""
    keras.utils.set_random_seed(0)
    images = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(6, 3, activation="relu", name="convolution")(images)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    keras.Model(images, keras.layers.Dense(3, name="scores")(x)).save("small.keras")


def weight_shapes(model):
    """Return the path and the shape of every weight."""
    return [[weight.path, list(weight.shape)] for weight in model.weights]


def write_runs():
    write_pairs()
    write_backbone()
    tfapp(f"train cells:6:32 --out runs/tv --epochs 1 {SMALL}")
    tfapp("evaluate runs/tv --noise gaussian=0,0.05")
    tfapp("landscape runs/tv --n 5 --samples 2")
    tfapp("landscape runs/tv --n 7 --samples 2 --budget 0.05s")
    tfapp("sharpness runs/tv --repeats 1 --eps 1e-3 --samples 2")
    interrupted(f"train cells:6:32 --out runs/softmax --head softmax --optimizer sgd --epochs 2 {SMALL}")
    tfapp(f"train raindrop:pairs --out runs/pairs --optimizer sgd --epochs 1 {SMALL}")
    tfapp("evaluate runs/pairs")

    tfapp("pose simulate --part nut --size 32 --scenes 4 --processes 1 --out scenes")
    tfapp(f"pose train scenes --out runs/pose-full --epochs 1 {POSE}")
    Path("pose-weights.json").write_text(
        json.dumps(weight_shapes(PoseRun.open("runs/pose-full").load_model()))
    )
    shutil.rmtree("runs/pose-full")
    # The network as it is makes files of 4 MB.
    backbones.WIDTHS = (2, 2, 2, 2)
    tfapp(f"pose train scenes --out runs/pose --epochs 1 {POSE}")
    tfapp("pose evaluate runs/pose")
    tfapp("landscape runs/pose --n 3 --samples 1")
    interrupted(f"pose train scenes --out runs/pose-begun --epochs 2 {POSE}")

    tfapp(f"transfer train digits:200 --out runs/transfer --iterations 10 {TRANSFER}")
    tfapp("transfer evaluate runs/transfer")
    tfapp("export runs/transfer served")

    tfapp(f"solvers compare digits:40 --out runs/solvers --seeds 0 {SOLVERS}")
    interrupted(f"solvers compare digits:40 --out runs/solvers --seeds 0,1 {SOLVERS}")


def expected():
    """Return what the models answer to random inputs, by the names of the runs."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, model, shape in (
        ("tv", Run.open("runs/tv").load_model(), (2, 32, 32, 3)),
        ("pairs", Run.open("runs/pairs").load_model(), (2, 16, 16, 3)),
        ("transfer", TransferRun.open("runs/transfer").load_network(), (4, 6)),
    ):
        arrays[f"{name}/input"] = rng.random(shape, np.float32)
        arrays[f"{name}/output"] = model.predict(arrays[f"{name}/input"], verbose=0)
    run = PoseRun.open("runs/pose")
    arrays["pose/input"], _ = run.sample("training", 2, 0)
    answer = run.load_model().predict(arrays["pose/input"], verbose=0)
    arrays.update({f"pose/output/{name}": value for name, value in answer.items()})
    return arrays


def tidy():
    """Remove what is drawn, and put `/FOLDER` for the working folder where a record has it."""
    for pattern in DRAWN:
        for file in Path().rglob(pattern):
            file.unlink()
    for record in [*Path().glob("runs/*/run.json"), Path("served/1/assets.extra/export.json")]:
        record.write_text(record.read_text().replace(str(Path().resolve()), "/FOLDER"))


def main(out):
    """Write everything below an empty folder; the commands are typed in it, with relative paths."""
    os.chdir(out)
    write_runs()
    np.savez_compressed("expected.npz", **expected())
    tidy()


if __name__ == "__main__":
    main(sys.argv[1])
