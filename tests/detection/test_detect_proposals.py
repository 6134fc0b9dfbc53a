"""`tfapp detect proposals` as a person types it."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.data import open_boxes
from tfapp.detection.proposals.files import read_proposals


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result):
    return " ".join(result.output.split())


@pytest.fixture
def folder(tmp_path):
    """Two images of 40 x 30 with a red cat from (5, 10) to (25, 30)."""
    path = tmp_path / "own data"
    path.mkdir()
    for name in ("a", "b"):
        pixels = np.full((30, 40, 3), 120, np.uint8)
        pixels[5:25, 10:30] = (250, 20, 20)
        Image.fromarray(pixels).save(path / f"{name}.png")
        box = "<bndbox><xmin>11</xmin><ymin>6</ymin><xmax>30</xmax><ymax>25</ymax></bndbox>"
        text = f"<annotation><object><name>cat</name>{box}</object></annotation>"
        (path / f"{name}.xml").write_text(text, encoding="utf-8")
    return path


def test_selective_search_is_written_and_its_recall_told(folder, tmp_path):
    out = tmp_path / "out" / "own.npz"
    result = tfapp("detect", "proposals", f"voc-boxes:{folder}", "--out", out, "--min-side", 5)
    assert result.exit_code == 0, result.output
    found, remarks = read_proposals(out, open_boxes(f"voc-boxes:{folder}").train)
    assert all(len(boxes) for boxes in found) and not remarks
    assert "selective-search, 2 images for training" in said(result) and "100.0 %" in said(result)
    assert [file.name for file in out.parent.iterdir()] == ["own.npz"]


def test_anchors_are_written(folder, tmp_path):
    out = tmp_path / "own.npz"
    options = ("--method", "anchors", "--stride", 10, "--sizes", "20", "--ratios", "1", "--min-side", 20)
    result = tfapp("detect", "proposals", f"voc-boxes:{folder}", "--out", out, *options)
    assert result.exit_code == 0, result.output
    [boxes, _], _ = read_proposals(out, open_boxes(f"voc-boxes:{folder}").train)
    np.testing.assert_array_equal(boxes, [[5, 5, 25, 25], [5, 15, 25, 35]])
    # The object from column 10 to 30 shares 15 of 20 columns with each: 15 / 25.
    assert "100.0 % │ 0.0 %" in said(result)


def test_cache_stays_and_is_used(folder, tmp_path, monkeypatch):
    options = ("--min-side", 5, "--cache", tmp_path / "kept")
    first = tfapp("detect", "proposals", f"voc-boxes:{folder}", "--out", tmp_path / "first.npz", *options)
    assert first.exit_code == 0, first.output
    monkeypatch.setattr("tfapp.detection.proposals.methods.selective_search", None)
    second = tfapp("detect", "proposals", f"voc-boxes:{folder}", "--out", tmp_path / "second.npz", *options)
    assert second.exit_code == 0, second.output
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--out", "own.mat"), "Proposals are written as .npz; got own.mat, give --out a name that ends so."),
        (
            ("--out", "a.npz", "--method", "edges"),
            "--method must be selective-search or anchors; got 'edges'.",
        ),
        (("--out", "a.npz", "--mode", "slow"), "--mode must be fast or quality; got 'slow'."),
        (("--out", "a.npz", "--min-side", "0"), "--min-side must be at least 1; got 0."),
        (("--out", "a.npz", "--threads", "0"), "--threads must be at least 1; got 0."),
        (("--out", "a.npz", "--stride", "8"), "--stride is of the method anchors; leave it out"),
        (("--out", "a.npz", "--method", "anchors", "--sizes", "a,b"), "--sizes 'a,b' is not understood"),
        (("--out", "a.npz", "--method", "anchors", "--ratios", "-1"), "--ratios must be positive numbers"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(folder, tmp_path, monkeypatch, options, sentence):
    monkeypatch.chdir(tmp_path)
    result = tfapp("detect", "proposals", f"voc-boxes:{folder}", *options)
    assert result.exit_code == 2 and sentence in said(result)
    assert [file.name for file in tmp_path.iterdir()] == ["own data"]


def test_image_of_another_size_is_one_sentence_and_exit_code_2(folder, tmp_path):
    text = (folder / "b.xml").read_text(encoding="utf-8")
    size = "<annotation><size><width>50</width><height>60</height></size>"
    (folder / "b.xml").write_text(text.replace("<annotation>", size), encoding="utf-8")
    result = tfapp("detect", "proposals", f"voc-boxes:{folder}", "--out", tmp_path / "a.npz")
    assert result.exit_code == 2 and "has 40x30 pixels, its boxes are for 50x60" in said(result)
    assert not (tmp_path / "a.npz").exists()


@pytest.mark.parametrize("name", ["BCCD", "voc_subset/VOCdevkit/VOC2007"])
def test_anchors_find_most_objects_of_real_images(real_data, tmp_path, name):
    spec = f"voc-boxes:{real_data(name)}"
    from tfapp.detection.proposals.methods import DenseAnchors
    from tfapp.detection.proposals.recall import recall_of

    images = open_boxes(spec).train[:6]
    proposals = [DenseAnchors(min_side=10).boxes(image) for image in images]
    assert recall_of([image.boxes for image in images], proposals, 20).overall[0] > 0.6
