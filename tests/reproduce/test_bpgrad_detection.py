"""Table 3.3 and figure 3.22 of Wu (2020): detectors by several solvers."""

import csv

import pytest
from typer.testing import CliRunner

from tests.detection.tiny_detector import write_backbone, write_boxed
from tfapp.cli.main import app
from tfapp.detection.config import DetectionConfig
from tfapp.errors import InputError
from tfapp.reproduce.bpgrad import detection
from tfapp.reproduce.bpgrad.detectors import PrecisionTable, printed_table
from tfapp.reproduce.bpgrad.solver_runs import setting_text


def scores(first, second, mean, coco):
    return {
        "class_names": ["cat", "dog"],
        "mean": {"11-point": mean},
        "average_precision": {"11-point": [first, second]},
        "coco": {"numbers": {"AP": coco}},
    }


@pytest.fixture
def table():
    found = PrecisionTable()
    found.add("bpgrad:form=authors", 100.0, 0, scores(0.5, 0.7, 0.6, 0.3))
    found.add("bpgrad:form=authors", 100.0, 1, scores(0.6, 0.8, 0.7, 0.4))
    found.add("adam", 0.001, 0, scores(0.9, None, 0.9, 0.5))
    found.add("adagrad", 0.001, 0, None)
    return found


def test_best_mean_comes_first_beside_the_printed_one(table):
    rows = table.table().rows
    assert [row[0] for row in rows] == ["Adam", "BPGrad", "Adagrad (1 diverged)"]
    # Wu (2020), table 3.3, last column.
    assert rows[1][3:] == ["65.0 ± 7.1", "66.0", "35.0 ± 7.1", "55.0 ± 7.1", "75.0 ± 7.1"]


def test_diverged_training_is_a_row_of_the_file(table, tmp_path):
    table.write_csv(tmp_path / "table.csv")
    with open(tmp_path / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[-1]["mean AP %"] == "diverged" and rows[0]["AP % dog"] == "70.000"


def test_printed_rows_have_the_mean_of_their_twenty_classes():
    """The dissertation's means are those of its rows, to the digit that is printed."""
    for _, *numbers in printed_table().rows:
        *classes, mean = map(float, numbers)
        assert len(classes) == 20 and sum(classes) / 20 == pytest.approx(mean, abs=0.06)


def test_settings_of_the_text_can_train_a_detector():
    for name, value in detection._chosen(None, 12).items():
        DetectionConfig(
            **detection.SETTINGS["paper"], backbone="vgg16", solver=setting_text(name, value)
        ).check()


def test_second_rate_of_sgd_begins_with_the_second_half_of_the_epochs():
    assert detection._chosen(None, 6)["sgd-momentum"] == "0.001/0.0001@4"


def test_solvers_of_one_seed_have_the_first_alone():
    chosen = {"adam:beta_1=0.9": 0.001, "sgd": 0.1}
    assert detection.seeds_of(chosen, (3, 4), "adam") == {"adam:beta_1=0.9": (3,), "sgd": (3, 4)}
    with pytest.raises(InputError, match="`one_seed` eve is none of the solvers adam, sgd"):
        detection.seeds_of(chosen, (3, 4), "eve")


@pytest.mark.parametrize(
    "arguments,message",
    [
        (("small", None, None, None), "needs a trained backbone"),
        (("paper", None, "ResNet50", "imagenet"), "network of the text is vgg16"),
        (("paper", None, None, None), "begins with trained weights"),
    ],
)
def test_missing_network_is_told(arguments, message):
    with pytest.raises(InputError, match=message):
        detection._config(*arguments)


@pytest.mark.slow
@pytest.mark.reproduce
def test_both_studies_share_their_trainings(tmp_path):
    spec, backbone = write_boxed(tmp_path / "own", 8), write_backbone(tmp_path / "small.keras")
    words = ["--data", spec, "--out", str(tmp_path / "out"), "--backbone", backbone, "--epochs", "1"]
    words += ["--seeds", "0", "--solvers", "adam=0.001,bpgrad=100"]
    for name in ("bpgrad-table-3.3", "bpgrad-figure-3.22"):
        result = CliRunner().invoke(app, ["reproduce", name, *words])
        assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out" / "trainings").iterdir())) == 2
    for name in ("bpgrad-table-3.3.md", "bpgrad-table-3.3.csv", "bpgrad-figure-3.22.png"):
        assert (tmp_path / "out" / name).is_file()
