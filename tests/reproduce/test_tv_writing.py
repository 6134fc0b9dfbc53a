import json
import shutil

import pytest

from tfapp.data import parse_noises
from tfapp.reproduce.tv.pairs import CHOICE, Pair, evaluate_pair, pair_folders
from tfapp.reproduce.tv.results import TVResult, write_table
from tfapp.reproduce.tv.tables import TABLES
from tfapp.segmentation.comparison import Comparison
from tfapp.segmentation.run import Run

NOISES = parse_noises(["gaussian=0.05"])


def pair_in(folder, plain, regular, **settings):
    """Copy two runs to where a table has them, change their settings, evaluate them."""
    for run, target in zip((plain, regular), pair_folders(folder, "unet", 0).values(), strict=True):
        shutil.copytree(run.path, target)
        record = json.loads((target / "run.json").read_text())
        record["config"].update(settings)
        (target / "run.json").write_text(json.dumps(record))
    paths = list(pair_folders(folder, "unet", 0).values())
    choice = {"weight": 1.0, "epochs": record["config"]["epochs"]}
    (paths[0] / CHOICE).write_text(json.dumps(choice))
    pair = Pair(Run.open(paths[0]), Run.open(paths[1]), 1.0)
    return pair, evaluate_pair(pair, NOISES)


@pytest.fixture
def result(plain_run, evaluated_run, tmp_path):
    """Table 1 from one tiny pair, to be written to `tmp_path`."""
    pair, evaluations = pair_in(tmp_path / "model-1", plain_run, evaluated_run)
    return TVResult(TABLES[1], "small", "tfapp reproduce <it>", [pair], Comparison(evaluations), [])


def caption_of(out):
    page = (out / "tv-table-1.html").read_text(encoding="utf-8")
    return page.partition("<figcaption>Figure 2: ")[2].partition("</figcaption>")[0]


def test_files_of_the_table_are_named_in_the_order_of_importance(result, tmp_path):
    names = [path.name for path in write_table(result, tmp_path)]
    assert names == ["tv-table-1.md", "tv-table-1.csv", "tv-table-1.html", "figure-2.png", "figure-3.png"]
    assert all((tmp_path / name).is_file() for name in names)


def test_other_model_with_the_same_settings_joins_the_figures(result, plain_run, evaluated_run, tmp_path):
    pair_in(tmp_path / "model-2", plain_run, evaluated_run, train_noise="gaussian=0.05")
    write_table(result, tmp_path)
    assert "model 2 (dashed)" in caption_of(tmp_path)


def test_other_model_with_other_settings_is_left_out(result, plain_run, evaluated_run, tmp_path):
    pair_in(tmp_path / "model-2", plain_run, evaluated_run, train_noise="gaussian=0.05", learning_rate=0.5)
    write_table(result, tmp_path)
    assert "Model 1 only; tfapp reproduce tv-table-2 with this --out adds the other" in caption_of(tmp_path)


def test_other_model_that_is_not_tested_yet_is_left_out(result, plain_run, evaluated_run, tmp_path):
    pair, _ = pair_in(tmp_path / "model-2", plain_run, evaluated_run, train_noise="gaussian=0.05")
    (pair.plain.path / "metrics.json").unlink()
    write_table(result, tmp_path)
    assert "Model 1 only" in caption_of(tmp_path)


def test_command_is_text_in_the_page(result, tmp_path):
    write_table(result, tmp_path)
    page = (tmp_path / "tv-table-1.html").read_text(encoding="utf-8")
    assert "tfapp reproduce &lt;it&gt;" in page and "<it>" not in page


def test_single_training_is_called_one(result):
    assert "One training each; in percent." in result.markdown()


def test_table_says_how_many_of_the_test_images_were_used(result, tmp_path):
    pair = result.pairs[0]
    images = len(pair.plain.split.test)
    assert f"{images} for testing" in result.markdown()
    some = TVResult(
        result.table, "small", "", result.pairs, Comparison(evaluate_pair(pair, NOISES, images - 1)), []
    )
    assert f"{images - 1} of {images}, evenly spaced, for testing" in some.markdown()
