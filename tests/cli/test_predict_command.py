"""`tfapp predict`, as a person types it."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app


def predict(run, *arguments):
    arguments = [str(argument) for argument in ("predict", run.path, *arguments)]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})


@pytest.fixture
def photos(tmp_path):
    """A folder with a photograph, a 12-bit image in 16 bits, a damaged image, and files that are no images."""
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "a.jfif", format="JPEG")
    Image.fromarray(noise[..., 0].astype(np.uint16) * 16).save(folder / "b.png")
    (folder / "c.png").write_bytes(b"spoilt")
    for name in ("d.heic", "notes.txt", "._a.png", "Thumbs.db"):
        (folder / name).touch()
    (folder / "within").mkdir()
    Image.fromarray(noise).save(folder / "within" / "e.png")
    return folder


@pytest.mark.slow
def test_what_can_be_labelled_is_and_the_rest_is_told(plain_run, photos, tmp_path):
    result = predict(plain_run, photos, "--out", tmp_path / "out")
    assert result.exit_code == 1
    written = {"a.png", "a-overlay.png", "b.png", "b-overlay.png"}
    assert {file.name for file in (tmp_path / "out").iterdir()} == written
    assert "c.png is empty or not an image that can be read" in result.output
    assert "1 of 3 image(s) could not be used; the others are done." in result.output
    assert f"2 file(s) in {photos} are skipped (1 .heic, 1 .txt)" in result.output
    assert f"1 file(s) in 1 folder(s) within {photos} are left out" in result.output
    assert "1 of 1 image(s) with more than 8 bits hold no value above 4095" in result.output
    (photos / "c.png").unlink()
    again = predict(plain_run, photos, "--out", tmp_path / "out")
    assert again.exit_code == 0, again.output


@pytest.mark.slow
def test_first_bad_image_stops_on_demand(plain_run, photos, tmp_path):
    result = predict(
        plain_run, photos / "c.png", photos / "a.jfif", "--out", tmp_path / "out", "--stop-on-error"
    )
    assert result.exit_code == 2 and "c.png is empty or not an image" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_limit_of_pixels_is_told_with_its_option(plain_run, photos, tmp_path):
    result = predict(plain_run, photos / "a.jfif", "--out", tmp_path / "out", "--max-pixels", "767")
    assert result.exit_code == 1
    assert "at most 0.000767 megapixels are read: cut it into tiles, or raise --max-pixels" in result.output


@pytest.mark.parametrize("place", ["photos", "link", "photos/../photos"])
def test_folder_of_the_images_is_no_place_for_labels(plain_run, photos, tmp_path, place):
    (tmp_path / "link").symlink_to(photos)
    before = {file: file.read_bytes() for file in photos.rglob("*") if file.is_file()}
    result = predict(plain_run, photos, "--out", tmp_path / place)
    assert (
        result.exit_code == 2 and "is the folder of the images itself; choose another --out" in result.output
    )
    assert {file: file.read_bytes() for file in photos.rglob("*") if file.is_file()} == before


def test_folder_of_masks_is_no_place_for_labels(plain_run, photos, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.new("L", (32, 24), 1).save(masks / "b.png")
    before = (masks / "b.png").read_bytes()
    result = predict(plain_run, photos, "--out", masks)
    assert result.exit_code == 2
    assert "b.png exists and was not written by `tfapp predict`" in result.output
    assert [file.name for file in masks.iterdir()] == ["b.png"] and (masks / "b.png").read_bytes() == before
