"""The weight of total variation behind a model that needs some: `tfapp tune-tv`."""

import csv

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.conftest import draw_discs
from tfapp.cli.main import app
from tfapp.data import open_dataset
from tfapp.errors import InputError
from tfapp.layers import TVSoftmax
from tfapp.segmentation.keras_file import KerasFile
from tfapp.segmentation.weight_tuning import tune_weight

NOISES = ["--noise", "gaussian=0,0.05", "--noise", "salt=0.02", "--seed", "3"]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """Folder with `data`, noisy discs on a dark ground, and `model.keras`, which labels pixels by their brightness."""
    folder = tmp_path_factory.mktemp("noisy")
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / "data" / kind).mkdir(parents=True)
    for index in range(4):
        labels = np.minimum(draw_discs(rng, (32, 40), 3), 1)
        image = np.clip(0.35 + 0.3 * labels + rng.normal(0, 0.2, labels.shape), 0, 1)
        Image.fromarray((255 * image).astype(np.uint8)).save(folder / "data" / "images" / f"{index}.png")
        Image.fromarray(labels.astype(np.uint8)).save(folder / "data" / "masks" / f"{index}.png")
    (folder / "data" / "classes.txt").write_text("ground\ndisc\n")
    images = keras.Input((None, None, 3))
    convolution = keras.layers.Conv2D(2, 1)
    model = keras.Model(images, keras.layers.Softmax()(convolution(images)))
    # The logarithms of the Gaussians about .35 and .65, but for what both share.
    convolution.set_weights([np.array([[[[0.0, 2.5]] * 3]]), np.array([0.0, -3.75])])
    model.save(folder / "model.keras")
    return folder


def test_best_weight_has_the_highest_mean_iou_and_helps(noisy):
    dataset = open_dataset(f"folder:{noisy / 'data'}")
    found = tune_weight(KerasFile(noisy / "model.keras"), dataset, (0.25, 1.0, 4.0, 64.0))
    scores = {weight: rows[0].mean_iou for weight, rows in found.rows.items()}
    assert found.best == max(scores, key=scores.get) and 0 < found.best < 64
    assert scores[found.best] > scores[0] + 0.1
    model = keras.models.load_model(noisy / "model.keras")
    shares = []
    for item in dataset.items:
        predicted = model(item.read_image()[None])[0].numpy().argmax(-1)
        shares.append((predicted, item.read_mask()))
    predicted, truth = (np.concatenate([np.ravel(pair[side]) for pair in shares]) for side in (0, 1))
    ious = [np.sum((predicted == c) & (truth == c)) / np.sum((predicted == c) | (truth == c)) for c in (0, 1)]
    assert scores[0] == pytest.approx(np.mean(ious))


def test_command_writes_table_and_figure_and_says_how_to_use_it(noisy, tmp_path):
    arguments = ["tune-tv", str(noisy / "model.keras"), f"folder:{noisy / 'data'}", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*arguments, "--weights", "0.5,1", *NOISES])
    assert result.exit_code == 0, result.output
    assert "which are no test images now" in " ".join(result.output.split())
    assert "--post-tv" in result.output and (tmp_path / "tune-tv.png").stat().st_size > 1000
    with (tmp_path / "tune-tv.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["λ", "0", "0.5", "1"] and len(rows[0]) == 7
    made_by = (tmp_path / "tune-tv.md").read_text(encoding="utf-8")
    assert "--weights 0.5,1 --noise gaussian=0,0.05 --noise salt=0.02 --seed 3" in made_by


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["model.keras"], "does not say on which images to choose"),
        (["model.keras", "folder:data", "--weights", "a"], "must be numbers with commas between"),
        (["model.keras", "folder:data", "--weights", "1,-2"], "Expected weights > 0"),
        (["model.keras", "folder:data", "--weights", ","], "Expected weights > 0"),
    ],
)
def test_bad_input_is_one_sentence(noisy, monkeypatch, tmp_path, arguments, told):
    monkeypatch.chdir(noisy)
    result = CliRunner().invoke(app, ["tune-tv", *arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2 and told in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_model_with_a_tv_head_is_refused(noisy, tmp_path):
    images = keras.Input((None, None, 1))
    keras.Model(images, TVSoftmax()(keras.layers.Conv2D(2, 1)(images))).save(tmp_path / "tv.keras")
    with pytest.raises(InputError, match="has a TV head already"):
        tune_weight(KerasFile(tmp_path / "tv.keras"), open_dataset(f"folder:{noisy / 'data'}"))
