"""`tfapp reproduce landscape-...` on tiny data in the official layouts."""

import csv
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.conftest import draw_discs, write_pairs
from tfapp.cli.main import app
from tfapp.reproduce.landscape.protocol import SHARPNESS
from tfapp.reproduce.landscape.studies import make_examples, make_table
from tfapp.reproduce.landscape.tables import TABLES
from tfapp.reproduce.landscape.trainings import EpochRun
from tfapp.runs.checkpoints import read_history
from tfapp.runs.progress import SILENT
from tfapp.segmentation.run import Run

TINY = {"epochs": 3, "base_width": 2, "resize": (64, 64), "patch": 32, "overlap": 0, "frames": 16}


@pytest.fixture(autouse=True, scope="module")
def tiny():
    """The small scale, smaller: the steps of the studies are what is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SHARPNESS, "small", SHARPNESS["small"] | {"repeats": 1})
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


def write_retinas(root, counts=(6, 2)):
    """Write training and test images in the layout of DRIVE, and return the folder."""
    rng = np.random.default_rng(0)
    vessels = np.where(np.indices((64, 64))[1] % 7 == 0, 255, 0).astype(np.uint8)
    for part, count in zip(("training", "test"), counts, strict=True):
        for folder in ("images", "1st_manual", "mask"):
            (root / part / folder).mkdir(parents=True)
        for index in range(1, count + 1):
            picture = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)
            Image.fromarray(picture).save(root / part / "images" / f"{index:02d}_{part}.tif")
            Image.fromarray(vessels).save(root / part / "1st_manual" / f"{index:02d}_manual1.gif")
            field = Image.fromarray(np.full((64, 64), 255, np.uint8))
            field.save(root / part / "mask" / f"{index:02d}_{part}_mask.gif")
    return root


def make(name, data, out, options=(), **changes):
    """Make a table or figure of two networks, or of one with two batches, from one tiny training each."""
    table = replace(TABLES[name], **changes)
    given = TINY | {"data": str(data), "out": out, "seeds": (3,), "samples": 4} | dict(options)
    return make_table(table, given, progress=SILENT, command=f"tfapp reproduce {name}")


def row_of(file):
    with file.open(encoding="utf-8") as stream:
        return next(csv.DictReader(stream))


@pytest.fixture(scope="module")
def sharp(slices, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    make("landscape-table-4", slices, out, networks=("fcn-16s", "unet"))
    return out


@pytest.mark.reproduce
def test_table_of_sharpness_stands_beside_the_printed_one_and_says_whether_the_order_appears(sharp):
    text = (sharp / "landscape-table-4.md").read_text(encoding="utf-8")
    assert re.search(r"\| FCN-16s \| [\d.e+-]+ \| 2.1822 \| [\d.e+-]+ \| 7.3241 \|", text)
    assert re.search(r"\| FCN-16s is sharper than U-Net \| [\d.e+-]+ \([01] of 1\) \| 1.49 \|", text)


@pytest.mark.reproduce
def test_sharpness_is_that_of_lu_and_tong_at_the_epoch_of_equal_loss(sharp):
    from tfapp.landscape import sharpness

    row = row_of(sharp / "landscape-table-4.csv")
    run = Run.open(sharp / "whole" / "isbi2012" / "fcn-16s-batch16-seed3")
    run = EpochRun(run, int(row["epoch"]))
    (found,) = sharpness(run.load_model(), *run.sample("train", 4, 0), eps=[0.1], box="lu-tong", repeats=1)
    assert float(row["ε = 0.1"]) == pytest.approx(found.mean, rel=1e-3)


@pytest.mark.reproduce
def test_networks_are_compared_at_the_smallest_loss_that_both_reach(sharp):
    histories = [read_history(path) for path in (sharp / "whole" / "isbi2012").iterdir()]
    target = max(min(row["loss"] for row in rows) for rows in histories)
    with (sharp / "landscape-table-4.csv").open(encoding="utf-8") as stream:
        losses = [float(row["training loss"]) for row in csv.DictReader(stream)]
    assert len(losses) == 2 and max(losses) <= target * (1 + 1e-5)
    assert max(losses) == pytest.approx(target, rel=1e-5)


@pytest.mark.reproduce
def test_run_of_an_epoch_has_the_weights_of_that_epoch(sharp):
    run = Run.open(sharp / "whole" / "isbi2012" / "unet-batch16-seed3")
    history = read_history(run.path)
    best = min(history, key=lambda row: row["loss"])["epoch"]
    other = 1 if best != 1 else 2
    kept = run.load_model().get_weights()
    same, different = (EpochRun(run, epoch).load_model().get_weights() for epoch in (best, other))
    assert all(map(np.array_equal, kept, same)) and not all(map(np.array_equal, kept, different))


@pytest.mark.reproduce
def test_figures_and_scores_share_the_runs_of_the_table(sharp, slices):
    models = sorted((sharp / "whole" / "isbi2012").glob("*/model.keras"))
    before = [model.stat().st_mtime_ns for model in models]
    networks = ("fcn-16s", "unet")
    make("landscape-figure-5", slices, sharp, {"resolution": 2}, networks=networks)
    make("landscape-figure-3", slices, sharp, networks=networks)
    make("landscape-table-1", slices, sharp, networks=networks)
    assert sorted((sharp / "whole" / "isbi2012").glob("*/model.keras")) == models
    assert [model.stat().st_mtime_ns for model in models] == before
    for name in ("figure-3.png", "figure-3.md", "figure-5.png", "figure-5.html", "figure-5.md"):
        assert (sharp / f"landscape-{name}").is_file()


@pytest.mark.reproduce
def test_best_scores_are_those_of_the_best_epoch(slices, sharp):
    make("landscape-table-1", slices, sharp, {"every": 1}, networks=("fcn-16s",))
    row = row_of(sharp / "landscape-table-1.csv")
    from tfapp.segmentation.evaluation import EvaluationData, Segmenter, evaluate_membranes

    run = Run.open(sharp / "whole" / "isbi2012" / "fcn-16s-batch16-seed3")
    by_epoch = [
        evaluate_membranes(Segmenter(EpochRun(run, epoch)), EvaluationData(run)).rand for epoch in (1, 2, 3)
    ]
    assert float(row["Rand score"]) == pytest.approx(max(by_epoch), rel=1e-5)
    assert by_epoch[int(row["epoch of it, Rand score"]) - 1] == max(by_epoch)


@pytest.mark.reproduce
def test_figure_8_has_networks_in_rows_and_batch_sizes_in_columns(slices, tmp_path):
    made = make("landscape-figure-8", slices, tmp_path, {"resolution": 2}, networks=("unet",))
    height, width = np.asarray(Image.open(made.written[0])).shape[:2]
    assert width > 1.5 * height  # one row of two
    assert [row[:2] for row in made.shown[0].rows] == [["U-Net", "2"], ["U-Net", "16"]]


@pytest.mark.reproduce
def test_scores_on_image_pairs_are_psnr_and_ssim(tmp_path):
    pairs = write_pairs(tmp_path / "pairs", (("", 8),), ("data", "gt"))
    make("landscape-table-3", pairs, tmp_path, networks=("fcn-16s",))
    row = row_of(tmp_path / "landscape-table-3.csv")
    assert float(row["PSNR [dB]"]) > 0 and -1 <= float(row["SSIM"]) <= 1


@pytest.mark.reproduce
def test_scores_of_retinas_are_the_rand_scores_of_what_vessels_part(tmp_path):
    options = {"resize": (32, 32), "patch": None}
    make(
        "landscape-table-2",
        write_retinas(tmp_path / "drive", (20, 6)),
        tmp_path,
        options,
        networks=("fcn-16s",),
    )
    row = row_of(tmp_path / "landscape-table-2.csv")
    assert 0 <= float(row["Rand score"]) <= 1 and 0 <= float(row["information theoretic score"]) <= 1


@pytest.mark.reproduce
def test_figure_2_has_a_row_for_each_task_that_has_data(slices, tmp_path):
    options = TINY | {"isbi2012": str(slices), "out": tmp_path}
    options |= {"raindrop": str(write_pairs(tmp_path / "pairs", (("", 8),), ("data", "gt")))}
    made = make_examples(**options, progress=SILENT, command="tfapp reproduce landscape-figure-2")
    height, width = np.asarray(Image.open(made.written[0])).shape[:2]
    assert width / height == pytest.approx(5 / 2, rel=0.15)


@pytest.mark.reproduce
def test_orders_have_both_sharpnesses_and_are_written_after_each_seed(slices, tmp_path):
    seen = []

    class Watching(type(SILENT)):
        def task(self, title, *arguments, **options):
            file = tmp_path / "landscape-orders.csv"
            seen.append(len(file.read_text().splitlines()) - 1 if file.is_file() else 0)
            return super().task(title, *arguments, **options)

    table = replace(TABLES["landscape-orders"], networks=("fcn-16s",), batch_sizes=(16,))
    given = TINY | {"data": str(slices), "out": tmp_path, "seeds": (0, 1), "samples": 4, "eps": (0.1,)}
    make_table(table, given, progress=Watching(), command="tfapp reproduce landscape-orders")
    assert set(seen) == {0, 1}
    row = row_of(tmp_path / "landscape-orders.csv")
    assert {"ε = 0.1", "Keskar's [%], ε = 0.001", "Keskar's [%], ε = 0.001, p = 100"} <= set(row)


@pytest.mark.reproduce
def test_other_networks_of_own_studies_stop_at_the_loss_of_the_reference(slices, tmp_path):
    make("landscape-scores-isbi2012", slices, tmp_path, networks=("fcn-16s", "unet"))
    histories = {path.name: read_history(path) for path in (tmp_path / "isbi2012").iterdir()}
    target = histories["fcn-16s-batch16-seed3"][-1]["loss"]
    other = histories["unet-batch16-seed3"]
    assert all(row["loss"] > target for row in other[:-1])
    assert other[-1]["loss"] <= target or len(other) == TINY["epochs"]
    row = row_of(tmp_path / "landscape-scores-isbi2012.csv")
    assert 0 <= float(row["V_rand"]) <= 1 and 0 <= float(row["V_info"]) <= 1


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
        (["--data", "SLICES", "--eps", "0.1,-1"], "--eps expects positive numbers such as"),
        (["--data", "SLICES", "--until-loss", "0"], "--until-loss must be a finite number above 0; got 0.0"),
        (["--data", "SLICES", "--test-share", "1.5"], "--test-share must be a number from 0 to 1; got 1.5"),
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


@pytest.mark.slow
def test_figure_2_without_data_is_refused(tmp_path):
    arguments = ["reproduce", "landscape-figure-2", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})
    assert result.exit_code == 2 and "give --isbi2012, --drive or --raindrop a folder" in result.output
