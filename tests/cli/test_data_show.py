"""`tfapp data show` of images with one class, and with several labels, each."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.data.voc_tree import write_list, write_voc
from tfapp.cli.main import app


def show(*arguments):
    return CliRunner().invoke(app, ["data", "show", *map(str, arguments)])


def test_sheet_has_a_column_for_each_class_and_the_table_both_counts(tmp_path):
    result = show("digits:100", "--out", tmp_path / "sheet.png", "--count", 3)
    assert result.exit_code == 0
    assert "80 images for training, 20 for testing, 28x28, 1 channel(s)" in result.output
    (row,) = (line for line in result.output.splitlines() if line.startswith("│ 7 "))
    assert row.replace("│", " ").split() == ["7", "7", "8", "2"]
    # Cells of 72 pixels with gaps of 6.
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 10 * (72 + 6) + 6


def test_folders_of_images_of_any_size_are_shown(tmp_path):
    for part in ("train", "val"):
        for number, name in enumerate(("a class with a long name", "other")):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            Image.fromarray(np.full((20 + 9 * number, 30, 3), 99, np.uint8)).save(folder / "1.png")
    result = show(f"imagenet:{tmp_path}", "--out", tmp_path / "sheet.png")
    assert result.exit_code == 0
    assert "2 images for training, 2 for testing, images of various sizes, 3 channel(s)" in result.output
    assert (tmp_path / "sheet.png").exists()


def test_many_classes_are_sampled_and_it_is_said(tmp_path):
    for part in ("train", "val"):
        for number in range(25):
            folder = tmp_path / part / f"n{number:08d}"
            folder.mkdir(parents=True)
            Image.new("RGB", (4, 4)).save(folder / "1.png")
    result = show(f"imagenet:{tmp_path}", "--out", tmp_path / "sheet.png")
    assert "the sheet shows 20 of the 25 classes" in result.output


def test_sheet_of_several_labels_has_a_column_for_each_class_and_the_table_all_counts(tmp_path):
    write_voc(tmp_path)
    result = show(f"voc2007:{tmp_path}", "--out", tmp_path / "sheet.png")
    assert result.exit_code == 0
    assert "5 images for training, 3 for testing" in result.output
    rows = [line.replace("│", " ").split() for line in result.output.splitlines()]
    assert ["person", "14", "2", "1", "1", "0"] in rows and ["sofa", "17", "0", "0", "0", "1"] in rows
    # Cells of 72 pixels with gaps of 6.
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 20 * (72 + 6) + 6


def test_lists_of_voc_can_be_named(tmp_path):
    write_list(write_voc(tmp_path, class_lists=False), "own", ["000007", "000012"])
    result = show(f"voc2007:{tmp_path}?train=own", "--out", tmp_path / "sheet.png")
    assert "2 images for training, 3 for testing" in result.output


def test_classes_without_examples_leave_their_columns_empty(tmp_path):
    for name in "ab":
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    (tmp_path / "labels.csv").write_text("image,split,x,y\na.png,train,0,0\nb.png,test,0,1\n")
    assert show(f"labels:{tmp_path}", "--out", tmp_path / "sheet.png").exit_code == 0
    assert (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mnist:/nowhere", "does not exist"),
        ("digits:3", "too little"),
        ("labels:{0}", "labels.csv does not exist"),
        ("voc2007:{0}", "has no ImageSets/Main"),
    ],
)
def test_bad_data_end_with_a_sentence_and_no_sheet(tmp_path, spec, message):
    result = show(spec.format(tmp_path), "--out", tmp_path / "sheet.png")
    assert result.exit_code == 2 and message in result.output.replace("\n", "")
    assert not (tmp_path / "sheet.png").exists()


def test_sheet_over_an_image_of_the_data_is_refused(tmp_path, make_folder):
    root, image = make_folder(), tmp_path / "own" / "images" / "cell 0.png"
    before = image.read_bytes()
    result = show(f"folder:{root}", "--out", image)
    assert result.exit_code == 2
    assert "is one of the files that are read; choose another --out" in " ".join(result.output.split())
    assert image.read_bytes() == before


def test_limit_of_pixels_holds_for_the_command(make_folder, tmp_path):
    root = make_folder()  # 48 x 32 = 1536 pixels
    result = show(f"folder:{root}", "--out", tmp_path / "sheet.png", "--max-pixels", 1535)
    assert result.exit_code == 2
    assert "at most 0.001535 megapixels are read: cut it into tiles, or raise --max-pixels" in result.output
    assert show(f"folder:{root}", "--out", tmp_path / "sheet.png", "--max-pixels", 1536).exit_code == 0


def test_what_is_skipped_is_told(make_folder, tmp_path):
    root = make_folder()
    (root / "images" / "a.heic").touch()
    result = show(f"folder:{root}", "--out", tmp_path / "sheet.png")
    assert result.exit_code == 0 and "are skipped (1 .heic)" in " ".join(result.output.split())


def test_boxes_of_a_name_that_also_means_labels_are_shown_where_asked_for(tmp_path):
    write_voc(tmp_path / "voc")
    result = show(f"voc2007:{tmp_path / 'voc'}", "--boxes", "--out", tmp_path / "sheet.png")
    assert result.exit_code == 0
    assert "images with boxes" in result.output
