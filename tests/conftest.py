import ctypes
import fcntl
import gc
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REAL_DATA = Path(os.environ.get("TFAPP_DATA", Path(__file__).parents[2] / "shared" / "data"))


# Fixtures of trainings of several epochs or several networks, and of exports: tests share them, and wait for them.
COSTLY = {"bolt_training", "squares_training", "regressed", "exported"}


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(items):
    """Put the tests that rest on a costly fixture into the slow tier."""
    for item in items:
        if COSTLY & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish():
    """Take what the imports made out of all later garbage collections.

    TensorFlow and the rest are a million objects that stay. Tracing a graph makes so many new ones that the
    old ones would be looked at again and again.
    """
    gc.collect()
    gc.freeze()


def pytest_runtest_setup():
    """Skip what would begin after the time of a machine is over, in seconds since 1970, and say so."""
    deadline = os.environ.get("TFAPP_TEST_DEADLINE")
    if deadline and time.time() > float(deadline):
        pytest.skip("not run: the time that this run of the tests was given (TFAPP_TEST_DEADLINE) is over")


@pytest.fixture(autouse=True, scope="module")
def let_go_of_the_file():
    """Let go of the models, graphs, kernels and figures of a test file when it ends.

    Keras and TensorFlow keep them in tables of the process, where a worker would collect those of all its files.
    Libraries that no test has imported yet have nothing to let go of.
    """
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    if "tfapp.layers.tv.gradients" in sys.modules:
        sys.modules["tfapp.layers.tv.gradients"]._compiled.cache_clear()  # up to 64 compiled solvers
    if "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()  # collects the garbage too
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)  # glibc keeps what is freed unless it is asked for it


@pytest.fixture
def real_data():
    """Return a function that gives the path of a real dataset, or skips the test."""

    def find(name):
        if not (REAL_DATA / name).is_dir():
            pytest.skip(
                f"real data {name!r} is not in {REAL_DATA}; set TFAPP_DATA to the folder that holds it"
            )
        return REAL_DATA / name

    return find


@pytest.fixture
def make_folder(tmp_path):
    """Return a function that writes a folder dataset below the test's own folder and returns its path."""

    def make(*arguments, name="own", **options):
        return write_folder(tmp_path / name, *arguments, **options)

    return make


def write_folder(root, count=6, size=(32, 48), values=(0, 1, 2), classes=None):
    """Write a folder dataset of discs on a gradient and return its path."""
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for index in range(count):
        labels = draw_discs(rng, size, len(values))
        picture = np.stack([60 * labels + 40, 200 - 70 * labels, 30 * labels + 90], -1)
        picture = np.clip(picture + rng.normal(0, 8, picture.shape), 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(root / "images" / f"cell {index}.png")
        mask = np.asarray(values)[labels].astype(np.uint8)
        Image.fromarray(mask).save(root / "masks" / f"cell {index}.png")
    if classes is not None:
        (root / "classes.txt").write_text("\n".join(classes) + "\n")
    return root


def draw_discs(rng, size, classes):
    """Return labels (height, width) with one disc inside another for every class above 0."""
    rows, columns = np.indices(size)
    centre = rng.uniform(0.4, 0.6, 2) * size
    distance = np.hypot(rows - centre[0], columns - centre[1])
    labels = np.zeros(size, np.int64)
    for label in range(1, classes):
        labels[distance < min(size) * 0.45 * (classes - label) / (classes - 1)] = label
    return labels


@pytest.fixture
def make_pairs(tmp_path):
    """Return a function that writes raindrop pairs below the test's own folder and returns their path."""

    def make(*arguments, name="pairs", **options):
        return write_pairs(tmp_path / name, *arguments, **options)

    return make


def write_pairs(root, counts=(("", 6),), folders=("rain_image", "clean_image"), size=(32, 32)):
    """Write discs on a gradient, each also under bright drops, as `N_rain.png` and `N_clean.png`.

    `counts` has the number of pairs in each sub-folder of `root`.
    """
    rng = np.random.default_rng(0)
    for part, count in counts:
        wet, clean = (root / part / folder for folder in folders)
        wet.mkdir(parents=True)
        clean.mkdir()
        for index in range(count):
            labels = draw_discs(rng, size, 3)
            picture = np.stack([60 * labels + 40, 200 - 70 * labels, 30 * labels + 90], -1).astype(np.uint8)
            drops = np.where(rng.random(size) < 0.2, 60, 0)[..., None]
            Image.fromarray(picture).save(clean / f"{index}_clean.png")
            Image.fromarray(np.clip(picture + drops, 0, 255).astype(np.uint8)).save(wet / f"{index}_rain.png")
    return root


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Return a function that has one worker make a folder, such as a trained run, and gives each its own copy.

    It takes the name of the folder, the same in no two places, and a function that makes it.
    """
    own = tmp_path_factory.getbasetemp()
    # A worker's folder stands in that of its session, which it shares with the other workers.
    store = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "once"

    def copy(name, make):
        store.mkdir(exist_ok=True)
        made, done = store / name, store / f"{name}.done"
        with (store / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # Until the file is closed, so of a killed worker too.
            if not done.exists():
                shutil.rmtree(made, ignore_errors=True)
                make(made)
                done.touch()
        return shutil.copytree(made, tmp_path_factory.mktemp("once") / name)

    return copy


def train_tiny(folder, **options):
    """Train one epoch of two steps on generated cells and return the `Run`."""
    from tfapp.segmentation.config import TrainConfig
    from tfapp.segmentation.training import train

    settings = {"base_width": 4, "depth": 2, "epochs": 1, "steps_per_epoch": 2, "batch_size": 2}
    return train("cells:12:64", folder, TrainConfig(**settings | options))


@pytest.fixture(scope="session")
def evaluated_run(once):
    """RUnet on generated cells, with metrics under three noises and a loss surface of 3 x 3 points."""
    from tfapp.data import parse_noises
    from tfapp.landscape import landscape
    from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate, store_metrics
    from tfapp.segmentation.run import Run

    def make(folder):
        run = train_tiny(folder, head="tv-softmax")
        noises = parse_noises(["gaussian=0.05", "salt=0.02"])
        store_metrics(run, evaluate(Segmenter(run), EvaluationData(run), noises))
        images, labels, weights = run.sample("test", 2, 0)
        landscape(run.load_model(), images, labels, weights, n=3, path=run.path / "landscape" / "surface.npz")

    return Run.open(once("runet", make))


@pytest.fixture(scope="session")
def plain_run(once):
    """Unet on the same cells, neither evaluated nor with a surface."""
    from tfapp.segmentation.run import Run

    return Run.open(once("unet", lambda folder: train_tiny(folder, head="softmax")))
