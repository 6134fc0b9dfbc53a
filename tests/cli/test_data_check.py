from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app


def check(*arguments):
    return CliRunner().invoke(app, ["data", "check", *map(str, arguments)], env={"COLUMNS": "300"})


@pytest.fixture
def binary(make_folder):
    return make_folder(count=3, values=(0, 255), classes=["background", "cell"])


def test_dataset_with_notes_alone_ends_with_0(binary):
    result = check(f"folder:{binary}")
    assert result.exit_code == 0, result.output
    assert "note: The masks hold 0 and 255 only" in result.output and "nothing to mend" in result.output


def test_warnings_end_with_1_and_the_page_shows_the_images(binary, tmp_path):
    Image.new("RGB", (48, 32)).save(binary / "images" / "cell 1.png")
    result = check(f"folder:{binary}", "--out", tmp_path / "check.html")
    assert (
        result.exit_code == 1 and "warning: 1 image(s) are of one value throughout: cell 1." in result.output
    )
    page = (tmp_path / "check.html").read_text()
    assert "throughout: cell 1" in page and page.count("data:image/jpeg") == 5


def test_refused_image_ends_with_2_behind_the_whole_report(binary, tmp_path):
    (binary / "images" / "cell 1.png").write_bytes(b"no image")
    with pytest.MonkeyPatch.context() as patch:
        # The size is read as the folder is opened; here the file breaks later.
        header = SimpleNamespace(size=(32, 48), bits=8)
        patch.setattr("tfapp.data.file_items.image_header", lambda path: header)
        result = check(f"folder:{binary}", "--out", tmp_path / "check.png")
    assert result.exit_code == 2 and "refused:" in result.output and "values of masks" in result.output
    assert (tmp_path / "check.png").is_file()


def test_folder_that_cannot_be_opened_ends_with_2_and_no_page(binary, tmp_path):
    (binary / "classes.txt").write_text("0 background\n1 cell\n")
    result = check(f"folder:{binary}", "--out", tmp_path / "check.html")
    assert result.exit_code == 2 and "fewer than two classes" in result.output
    assert not (tmp_path / "check.html").exists()


def test_out_of_another_kind_is_refused(binary):
    result = check(f"folder:{binary}", "--out", "check.pdf")
    assert result.exit_code == 2 and "--out check.pdf ends in .pdf; expected .html or .png" in result.output


@pytest.mark.parametrize("spec", ["cells:3:32", "digits:60"])
def test_generated_datasets_have_nothing_to_mend(spec):
    assert check(spec).exit_code == 0


def test_masks_whose_lowest_value_is_white_are_a_warning(binary):
    for file in (binary / "masks").iterdir():
        tifffile.imwrite(file.with_suffix(".tif"), np.asarray(Image.open(file)) > 0)
        file.unlink()
    result = check(f"folder:{binary}")
    assert (
        result.exit_code == 1
        and "warning: 3 of 3 masks are TIFFs whose lowest value is white" in result.output
    )
