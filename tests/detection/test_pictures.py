"""Boxes on pictures, and the commands that draw and read them."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.detection.random_scenes import boxes_at, detections_at
from tfapp.cli.main import app
from tfapp.data import Boxes
from tfapp.detection.pictures import (
    CORRECT_COLOUR,
    FALSE_COLOUR,
    IGNORED_COLOUR,
    MISSED_COLOUR,
    detection_legend,
    draw_boxes,
    draw_detections,
)
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


PLACE, ELSEWHERE = (10, 10, 50, 50), (60, 60, 95, 95)
BLANK = np.ones((100, 100, 3), np.float32)


def drawn(boxes, detections, **options):
    return draw_detections(BLANK, boxes, detections, ["cat"], legend=False, **options)


@pytest.mark.parametrize(
    ("difficult", "corners", "colour"),
    [(False, PLACE, CORRECT_COLOUR), (False, ELSEWHERE, FALSE_COLOUR), (True, PLACE, IGNORED_COLOUR)],
)
def test_detection_has_the_colour_of_what_it_is(difficult, corners, colour):
    picture = drawn(boxes_at([PLACE], difficult=[difficult]), detections_at([corners], [0.9]))
    line = picture[corners[0] + 1 : corners[2] - 1, corners[3] - 1]
    assert np.mean((line == rgb(colour)).all(axis=-1)) > 0.5


def test_missed_object_is_dashed_in_its_colour():
    picture = drawn(boxes_at([PLACE]), detections_at([], []))
    line = (picture[PLACE[0] : PLACE[2], PLACE[3]] == rgb(MISSED_COLOUR)).all(axis=-1)
    assert 0.3 < line.mean() < 0.8


def test_detection_below_the_score_is_not_drawn_and_its_object_is_missed():
    found = detections_at([PLACE, ELSEWHERE], [0.4, 0.3])
    expected = drawn(boxes_at([PLACE]), detections_at([], []))
    assert (drawn(boxes_at([PLACE]), found, score=0.5) == expected).all()


def test_legend_is_a_strip_below_the_picture():
    boxes, found = boxes_at([PLACE]), detections_at([PLACE], [0.9])
    picture = draw_detections(BLANK, boxes, found, ["cat"])
    strip = detection_legend(100)
    assert (picture == np.concatenate([drawn(boxes, found), strip])).all()


@pytest.mark.parametrize("width", [120, 320, 640])
def test_legend_tells_every_colour_within_its_width(width):
    strip = detection_legend(width)
    for colour in (CORRECT_COLOUR, FALSE_COLOUR, MISSED_COLOUR, IGNORED_COLOUR):
        assert (strip == rgb(colour)).all(axis=-1).any()
    assert (strip[:, -2:] == 255).all()


def test_show_writes_a_sheet_and_counts_the_objects(folder, tmp_path):
    out = tmp_path / "sheet.png"
    result = CliRunner().invoke(app, ["data", "show", f"voc-boxes:{folder}", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.is_file() and "images with boxes, 1 for training" in " ".join(result.output.split())


def test_check_of_good_boxes_has_nothing_to_mend(folder):
    result = CliRunner().invoke(app, ["data", "check", f"voc-boxes:{folder}"])
    assert result.exit_code == 0 and "nothing to mend" in result.output
