"""Two tiny runs on generated cells, one evaluated and with a surface, one neither."""

import pytest

CELLS = "cells:12:64"


@pytest.fixture(scope="session")
def train_tiny():
    """Return a function that trains one epoch of two steps in a folder and returns the `Run`."""

    def run(folder, **options):
        from tfapp.segmentation.config import TrainConfig
        from tfapp.segmentation.training import train

        settings = {"base_width": 4, "depth": 2, "epochs": 1, "steps_per_epoch": 2, "batch_size": 2}
        return train(CELLS, folder, TrainConfig(**settings | options))

    return run


@pytest.fixture(scope="session")
def evaluated_run(train_tiny, tmp_path_factory):
    """RUnet with metrics under three noises and a loss surface of 3 x 3 points."""
    from tfapp.data import parse_noises
    from tfapp.landscape import landscape
    from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate, store_metrics

    run = train_tiny(tmp_path_factory.mktemp("runs") / "runet", head="tv-softmax")
    noises = parse_noises(["gaussian=0.05", "salt=0.02"])
    store_metrics(run, evaluate(Segmenter(run), EvaluationData(run), noises))
    images, labels, weights = run.sample("test", 2, 0)
    landscape(run.load_model(), images, labels, weights, n=3, path=run.path / "landscape" / "surface.npz")
    return run


@pytest.fixture(scope="session")
def plain_run(train_tiny, tmp_path_factory):
    """Unet, neither evaluated nor with a surface."""
    return train_tiny(tmp_path_factory.mktemp("runs") / "unet", head="softmax")


@pytest.fixture(scope="session")
def report(evaluated_run, plain_run, tmp_path_factory):
    """The page about both runs."""
    from tfapp.segmentation.page import write_report

    out = tmp_path_factory.mktemp("report") / "report.html"
    return write_report([evaluated_run.path, plain_run.path], out, examples=2)
