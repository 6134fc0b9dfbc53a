"""What Jia, Liu and Tai printed, as it ships, and the protocols beside it; numbers copied by hand from the text."""

import json

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.data import parse_noises
from tfapp.reproduce.tv.protocols import planned_protocol
from tfapp.reproduce.tv.published import FILE, published_protocol, published_table
from tfapp.reproduce.tv.tables import SCALES, SUBJECTS, TABLES


@pytest.mark.parametrize(
    ("number", "network", "measure", "clean", "strongest", "salt"),
    [
        (1, "Unet", "mIoU", 89.79, 67.67, 77.75),
        (1, "RUnet", "mIoU", 90.15, 74.20, 84.07),
        (1, "Unet", "accuracy", 97.04, 80.33, 90.00),
        (1, "RUnet", "RE", 1.30, 1.56, 1.32),
        (2, "Unet", "mIoU", 90.57, 85.87, 88.84),
        (2, "RUnet", "mIoU", 91.86, 88.37, 91.22),
        (2, "Unet", "RE", 1.79, 2.87, 2.19),
        (3, "Segnet", "mIoU", 57.35, 22.32, 35.45),
        (3, "RSegnet", "accuracy", 88.01, 63.12, 78.85),
        (3, "RSegnet", "RE", 2.43, 4.27, 3.11),
        (4, "Segnet", "mIoU", 56.12, 42.17, 50.82),
        (4, "RSegnet", "RE", 2.51, 3.39, 2.50),
        (5, "RSegnet", "mIoU", 27.40, 15.56, 20.68),
        (5, "Segnet", "accuracy", 68.62, 58.03, 60.53),
        (6, "Segnet", "mIoU", 25.37, 19.30, 23.36),
        (6, "RSegnet", "accuracy", 68.29, 62.94, 66.19),
    ],
)
def test_numbers_are_those_of_the_text(number, network, measure, clean, strongest, salt):
    table = published_table(number)
    found = [table.value(network, measure, noise) for noise in ("clean", "gaussian 0.09", "salt 0.01")]
    assert found == [clean, strongest, salt]


@pytest.mark.parametrize("number", TABLES)
def test_every_table_has_both_networks_all_measures_and_the_columns_of_the_preset(number):
    table, plain = published_table(number), TABLES[number].subject.plain
    assert list(table.noises) == [noise.label for noise in parse_noises(["paper"])]
    assert list(table.networks) == [plain, f"R{plain}"]
    for measures in table.networks.values():
        assert {name: len(values) for name, values in measures.items()} == dict(mIoU=8, accuracy=8, RE=8)


def test_misprints_are_kept_and_noted():
    assert published_table(1).value("RUnet", "accuracy", "salt 0.01") == 96.26
    fourth, sixth = (published_table(number).networks["RSegnet"]["RE"] for number in (4, 6))
    assert fourth[1:6] == sixth[1:6]
    assert "96.26" in published_table(1).remarks[0] and "row of table 4" in published_table(6).remarks[0]


def test_column_that_was_not_printed_has_no_number():
    assert published_table(1).value("Unet", "mIoU", "salt-and-pepper 0.01") is None
    assert published_table(1).value("Unet+TV", "mIoU", "clean") is None


def test_source_is_named_in_the_file():
    assert "arXiv:1907.05287" in json.loads(FILE.read_text(encoding="utf-8"))["source"]


def test_noisy_sets_of_the_settings_are_those_of_the_text():
    for subject in SUBJECTS:
        text = published_protocol(subject.reader)
        assert (subject.train_noise, subject.noisy) == (text["noise"], text["noisy training images"])
        assert subject.training == text["training images"]


# Section 4, 4.1, 4.2, 4.3: training images, test images, noisy ones, solver, momentum, rate, batch, iterations.
TEXT = {
    1: ("60", "40", "0", "sgd", "0.9", "0.0001", "8", "20,000"),
    2: ("60", "40", "20", "sgd", "0.9", "0.0001", "8", "20,000"),
    3: ("367", "233", "0", "sgd", "0.9", "0.001", "4", "80,000"),
    4: ("367", "233", "90", "sgd", "0.9", "0.001", "4", "80,000"),
    5: ("5,285", "5,050", "0", "sgd", "0.9", "0.001", "3", "200,000"),
    6: ("5,285", "5,050", "1,000", "sgd", "0.9", "0.001", "3", "200,000"),
}
ROWS = (
    *("training images", "test images", "noisy training images"),
    *("optimizer", "momentum", "learning rate", "batch size", "iterations"),
)


@pytest.mark.parametrize("number", TABLES)
def test_protocol_at_paper_scale_is_that_of_the_text(number):
    rows = {name: here for name, here, _ in planned_protocol(TABLES[number], "paper").rows}
    assert tuple(rows[name] for name in ROWS) == TEXT[number]
    assert (rows["augmentation"], rows["class weights"], rows["TV in training"]) == (
        "none",
        "none",
        "one-step",
    )
    assert rows["initial weights"] == ("random" if number < 3 else "VGG in the encoder, He elsewhere")


def test_scenes_are_cropped_at_random_as_in_the_text():
    [(here, text)] = [
        row[1:] for row in planned_protocol(TABLES[5], "paper").rows if row[0] == "size of images"
    ]
    assert (here, text) == ("a random crop of 360x480", "a random patch of 360x480")


@pytest.mark.parametrize("number", TABLES)
def test_protocol_differs_from_the_text_in_what_is_said_alone(number):
    differing = {name for name, here, text in planned_protocol(TABLES[number], "paper").rows if here != text}
    said = {"augmentation", "class weights", "filters of the first level", "size of images"}
    said |= {"λ at the start", "τλ of one-step"}
    # CamVid's own validation list is watched; of SUN RGB-D the text counts 20 images more than there are.
    said |= {"validation images"} if number in (3, 4) else {"test images"} if number > 4 else set()
    assert differing == said


@pytest.mark.parametrize("scale", SCALES)
def test_protocols_are_printed_without_data(tmp_path, scale):
    result = CliRunner().invoke(app, ["reproduce", "tv-protocols", "--scale", scale, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    text = (tmp_path / "tv-protocols.md").read_text(encoding="utf-8")
    assert text.count("| iterations |") == 3 and SCALES[scale] in text
