import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.data.voc_tree import write_list, write_voc
from tfapp.cli.main import app


def show(spec, tmp_path):
    return CliRunner().invoke(app, ["data", "show", str(spec), "--out", str(tmp_path / "sheet.png")])


def test_sheet_has_a_column_for_each_class_and_the_table_all_counts(tmp_path):
    write_voc(tmp_path)
    result = show(f"voc2007:{tmp_path}", tmp_path)
    assert result.exit_code == 0
    assert "5 images for training, 3 for testing" in result.output
    rows = [line.replace("│", " ").split() for line in result.output.splitlines()]
    assert ["person", "14", "2", "1", "1", "0"] in rows and ["sofa", "17", "0", "0", "0", "1"] in rows
    # Cells of 72 pixels with gaps of 6.
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 20 * (72 + 6) + 6


def test_lists_of_voc_can_be_named(tmp_path):
    write_list(write_voc(tmp_path, class_lists=False), "own", ["000007", "000012"])
    result = show(f"voc2007:{tmp_path}?train=own", tmp_path)
    assert "2 images for training, 3 for testing" in result.output


def test_classes_without_examples_leave_their_columns_empty(tmp_path):
    for name in "ab":
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    (tmp_path / "labels.csv").write_text("image,split,x,y\na.png,train,0,0\nb.png,test,0,1\n")
    assert show(f"labels:{tmp_path}", tmp_path).exit_code == 0
    assert (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(
    ("spec", "message"),
    [("labels:{0}", "labels.csv does not exist"), ("voc2007:{0}", "has no ImageSets/Main")],
)
def test_bad_data_end_with_a_sentence_and_no_sheet(tmp_path, spec, message):
    result = show(spec.format(tmp_path), tmp_path)
    assert result.exit_code == 2 and message in result.output.replace("\n", "")
    assert not (tmp_path / "sheet.png").exists()
