"""`tfapp predict --samples`: labels of mean answers with dropout, and maps of how unsure they are."""

import math

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.models import build, monte_carlo_dropout
from tfapp.segmentation.prediction import predict

FILES = ["photo-entropy.png", "photo-mutual-information.png", "photo-overlay.png", "photo.png"]


@pytest.fixture(scope="module")
def dropping_network():
    """A U-Net with dropout that was not trained; its weights are large enough that all classes occur."""
    model = build("unet", 3, base_width=2, depth=1, head="softmax", dropout=0.5)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape) * 0.5)
    return model


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (37, 45, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def read(file):
    with Image.open(file) as picture:
        return np.asarray(picture)


def test_files_are_what_the_answers_with_dropout_come_to(dropping_network, photo, tmp_path):
    out = tmp_path / "out"
    [(path, shares, means)] = predict(dropping_network, [photo], out, "abc", 3, samples=5, seed=3)
    found = monte_carlo_dropout(dropping_network, read(photo)[None].astype(np.float32) / 255, 5, seed=3)
    assert sorted(file.name for file in out.iterdir()) == FILES and path == photo
    labels = np.argmax(found.probabilities[0], -1)
    # Rounding in another graph may turn a pixel on the edge of two classes.
    assert (read(out / "photo.png") != labels).mean() < 0.01
    for name, values, mean in zip(FILES[:2], found[1:], means, strict=True):
        grey = read(out / name)
        np.testing.assert_allclose(grey / 255 * math.log(3), values[0], atol=0.6 / 255 * math.log(3))
        assert mean == pytest.approx(values.mean(), rel=1e-3)
    np.testing.assert_allclose(shares.sum(), 1)


def test_image_in_tiles_has_maps_of_its_size(dropping_network, photo, tmp_path):
    out = tmp_path / "out"
    [(_, _, means)] = predict(dropping_network, [photo], out, "abc", 3, samples=3, tile=32)
    assert sorted(file.name for file in out.iterdir()) == FILES
    for name, mean in zip(FILES[:2], means, strict=True):
        grey = read(out / name)
        assert grey.shape == (37, 45) and mean == pytest.approx(grey.mean() / 255 * math.log(3), abs=0.002)
        # No tile was left out.
        assert (grey[:, 35:] > 0).mean() > 0.5 and (grey[30:] > 0).mean() > 0.5


def command(run, photo, *arguments):
    arguments = ("predict", run.path, photo, *arguments)
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "300"})


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ("5", "has no dropout, so that all its answers would be the same: train one with --dropout above 0"),
        ("1", "--samples must be at least 2, of which a mean is taken; got 1"),
    ],
)
def test_samples_that_tell_nothing_are_refused_before_anything_is_written(
    plain_run, photo, tmp_path, samples, words
):
    result = command(plain_run, photo, "--samples", samples, "--out", tmp_path / "out")
    assert result.exit_code == 2 and words in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_trained_run_with_dropout_labels_and_tells_how_unsure_it_is(train_once, photo, tmp_path):
    run = train_once("dropped", head="tv-softmax", dropout=0.4, epochs=1)
    first, again = (
        command(run, photo, "--samples", "4", "--seed", "2", "--out", tmp_path / name) for name in ("a", "b")
    )
    assert first.exit_code == again.exit_code == 0, first.output
    # Headings are folded where the terminal is narrow.
    assert all(word in first.output for word in ("entropy", "nats", "mutual"))
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
