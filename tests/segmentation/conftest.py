import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tfapp.data import open_dataset
from tfapp.models import build
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.resume import begin_or_resume
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train

TINY = TrainConfig(
    base_width=4,
    depth=2,
    epochs=3,
    steps_per_epoch=4,
    batch_size=4,
    learning_rate=3e-3,
    test_share=0.3,
    validation_share=0.2,
)
SPEC = "cells:20:32"


@pytest.fixture
def tiny():
    """Return a function that gives a tiny configuration with some options replaced."""
    return lambda **options: replace(TINY, **options)


@pytest.fixture(scope="session")
def train_once(once):
    """Return a function that gives the run of a name, trained by one worker with options over the tiny ones."""

    def run(name, **options):
        return Run.open(once(name, lambda folder: train(SPEC, folder, replace(TINY, **options))))

    return run


@pytest.fixture(scope="session")
def trained(train_once):
    """One tiny run of each head, by head name."""
    return {head: train_once(f"cells-{head}", head=head) for head in ("softmax", "tv-softmax")}


@pytest.fixture(scope="session")
def network():
    """A U-Net of three classes that was not trained; its weights are large enough that all classes occur."""
    model = build("unet", 3, base_width=2, depth=1, head="softmax")
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape) * 0.5)
    return model


@pytest.fixture
def begin(tmp_path):
    """Return a function that begins the run of a tiny configuration, as a killed training leaves it."""

    def run(name="run", spec=SPEC, **options):
        config = replace(TINY, **options).completed()
        begun, _ = begin_or_resume(tmp_path / name, config, open_dataset(spec), 2**config.depth, False)
        return begun

    return run


@pytest.fixture
def copy_of(tmp_path):
    """Return a function that copies a run into the test's own folder, its record changed by `edit`."""

    def copy(run, name="run", edit=None):
        shutil.copytree(run.path, tmp_path / name)
        if edit is not None:
            file = tmp_path / name / "run.json"
            record = json.loads(file.read_text())
            edit(record)
            file.write_text(json.dumps(record))
        return Run.open(tmp_path / name)

    return copy
