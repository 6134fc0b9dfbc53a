"""Boxes on pictures, and the commands that draw and read them."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.data import Boxes
from tfapp.detection.pictures import draw_boxes
from tfapp.report.colours import qualitative, rgb


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "own"
    path.mkdir()
    Image.new("RGB", (40, 30), "white").save(path / "a.png")
    box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>20</xmax><ymax>30</ymax></bndbox>"
    text = f"<annotation><object><name>cat</name>{box}</object></annotation>"
    (path / "a.xml").write_text(text, encoding="utf-8")
    return path


def test_box_has_the_colour_of_its_class_on_its_border():
    boxes = Boxes.of([((5, 10, 25, 50), 1, False)])
    picture = draw_boxes(np.ones((40, 60, 3), np.float32), boxes, ["cat", "dog"])
    assert picture.shape == (40, 60, 3)
    for place in ((24, 30), (20, 10), (20, 49)):
        assert tuple(picture[place]) == rgb(qualitative(1))
    assert (picture[:5] == 255).all() and (picture[25:] == 255).all()


def test_large_image_is_reduced():
    boxes = Boxes.of([((0, 0, 640, 1280), 0, True)])
    assert draw_boxes(np.zeros((640, 1280, 3), np.float32), boxes, ["cat"]).shape == (320, 640, 3)


def test_show_writes_a_sheet_and_counts_the_objects(folder, tmp_path):
    out = tmp_path / "sheet.png"
    result = CliRunner().invoke(app, ["data", "show", f"voc-boxes:{folder}", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.is_file() and "images with boxes, 1 for training" in " ".join(result.output.split())


def test_check_of_good_boxes_has_nothing_to_mend(folder):
    result = CliRunner().invoke(app, ["data", "check", f"voc-boxes:{folder}"])
    assert result.exit_code == 0 and "nothing to mend" in result.output
