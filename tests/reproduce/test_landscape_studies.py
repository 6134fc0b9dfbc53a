"""`tfapp reproduce landscape-...` on tiny data in the official layouts."""

import csv
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.conftest import draw_discs
from tfapp.cli.main import app
from tfapp.reproduce.landscape.studies import make_table
from tfapp.reproduce.landscape.tables import SHARPNESS, SURFACE, TABLES
from tfapp.runs.checkpoints import read_history
from tfapp.runs.progress import SILENT

TINY = {"epochs": 2, "base_width": 2, "resize": (64, 64), "patch": 32, "overlap": 0}


@pytest.fixture(autouse=True, scope="module")
def tiny():
    """The small scale, smaller: the steps of the studies are what is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SHARPNESS, "small", SHARPNESS["small"] | {"repeats": 1, "eps": (5e-4,)})
        patch.setitem(SURFACE, "small", SURFACE["small"] | {"n": 3})
        yield


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    """Eight slices in the layout of ISBI 2012."""
    root, rng = tmp_path_factory.mktemp("isbi"), np.random.default_rng(0)
    for part in ("image", "label"):
        (root / "train" / part).mkdir(parents=True)
    for index in range(8):
        cells = (draw_discs(rng, (32, 32), 3) > 0).astype(np.uint8)
        Image.fromarray(60 + 120 * cells).save(root / "train" / "image" / f"{index}.png")
        Image.fromarray(255 * cells).save(root / "train" / "label" / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Eight raindrop pairs."""
    root, rng = tmp_path_factory.mktemp("raindrop"), np.random.default_rng(0)
    for folder in ("data", "gt"):
        (root / folder).mkdir()
    for index in range(8):
        picture = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
        Image.fromarray(picture).save(root / "gt" / f"{index}_clean.png")
        Image.fromarray(picture // 2).save(root / "data" / f"{index}_rain.png")
    return root


@pytest.fixture(scope="module")
def retinas(tmp_path_factory):
    """Six training and two test images in the layout of DRIVE."""
    root, rng = tmp_path_factory.mktemp("drive"), np.random.default_rng(0)
    vessels = np.where(np.indices((64, 64))[1] % 7 == 0, 255, 0).astype(np.uint8)
    for part, count in (("training", 6), ("test", 2)):
        for folder in ("images", "1st_manual", "mask"):
            (root / part / folder).mkdir(parents=True)
        for index in range(1, count + 1):
            picture = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)
            Image.fromarray(picture).save(root / part / "images" / f"{index:02d}_{part}.tif")
            Image.fromarray(vessels).save(root / part / "1st_manual" / f"{index:02d}_manual1.gif")
            field = Image.fromarray(np.full((64, 64), 255, np.uint8))
            field.save(root / part / "mask" / f"{index:02d}_{part}_mask.gif")
    return root


def make(name, data, out, **changes):
    """Make a table or figure of two networks, or of one with two batches, from one tiny training each."""
    table = replace(TABLES[name], **changes)
    options = {"overwrite": False, "progress": SILENT, "command": f"tfapp reproduce {name}"}
    make_table(table, str(data), out, "small", [3], TINY, 16, 4, **options)


@pytest.fixture(scope="module")
def sharp(slices, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    make("landscape-table-4", slices, out, networks=("fcn-16s", "unet"))
    return out


@pytest.mark.reproduce
def test_table_of_sharpness_says_whether_the_ordering_appears(sharp):
    text = (sharp / "landscape-table-4.md").read_text(encoding="utf-8")
    assert re.search(r"\| FCN-16s is sharper than Unet \| [\d.e+-]+ \([01] of 1\) \|", text)
    assert "sharpness [%], ε = 0.0005, p = 100" in text


@pytest.mark.reproduce
def test_other_networks_stop_at_the_loss_of_the_reference(sharp):
    histories = {path.name: read_history(path) for path in (sharp / "isbi2012").iterdir()}
    target = histories["fcn-16s-batch16-seed3"][-1]["loss"]
    other = histories["unet-batch16-seed3"]
    assert all(row["loss"] > target for row in other[:-1])
    assert other[-1]["loss"] <= target or len(other) == TINY["epochs"]


@pytest.mark.reproduce
def test_figure_shares_the_runs_of_the_table(sharp, slices):
    models = sorted((sharp / "isbi2012").glob("*/model.keras"))
    before = [model.stat().st_mtime_ns for model in models]
    make("landscape-figure-5", slices, sharp, networks=("fcn-16s", "unet"))
    assert sorted((sharp / "isbi2012").glob("*/model.keras")) == models
    assert [model.stat().st_mtime_ns for model in models] == before
    assert (sharp / "landscape-figure-5.png").is_file() and (sharp / "landscape-figure-5.html").is_file()


@pytest.mark.reproduce
def test_scores_on_membranes_have_the_challenge_scores(sharp, slices):
    make("landscape-table-1", slices, sharp, networks=("fcn-16s",))
    with (sharp / "landscape-table-1.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert 0 <= float(row["V_rand"]) <= 1 and 0 <= float(row["V_info"]) <= 1
    assert float(row["epochs"]) == TINY["epochs"]


@pytest.mark.reproduce
def test_scores_on_image_pairs_are_psnr_and_ssim(pairs, tmp_path):
    make("landscape-table-3", pairs, tmp_path, networks=("fcn-16s",))
    with (tmp_path / "landscape-table-3.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert float(row["PSNR [dB] as given"]) > 0 and -1 <= float(row["SSIM"]) <= 1


@pytest.mark.reproduce
def test_scores_and_surfaces_of_retinas(retinas, tmp_path):
    make("landscape-table-2", retinas, tmp_path, networks=("fcn-16s",))
    make("landscape-figure-6", retinas, tmp_path, networks=("fcn-16s",))
    with (tmp_path / "landscape-table-2.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert 0 < float(row["accuracy [%]"]) <= 100 and "V_rand" not in row
    assert (tmp_path / "landscape-figure-6.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--data", "drive:x"],
            "landscape-table-4 is made of other data: expected --data FOLDER or isbi2012:",
        ),
        (["--data", "no-such-folder"], "Folder no-such-folder (of 'isbi2012:no-such-folder') does not exist"),
        (["--data", "SLICES", "--scale", "huge"], "Unknown --scale 'huge'; choose one of: small, paper."),
        (["--data", "SLICES", "--seeds", "1,1"], "--seeds '1,1' is not understood"),
        (
            ["--data", "SLICES", "--patch", "8", "--overlap", "0"],
            "--patch 8 is smaller than the network's stride",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(slices, tmp_path, options, message):
    options = [str(slices) if option == "SLICES" else option for option in options]
    arguments = ["reproduce", "landscape-table-4", "--out", str(tmp_path / "out"), *options]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})
    assert result.exit_code == 2 and message in result.output, result.output
    assert not (tmp_path / "out").exists()
