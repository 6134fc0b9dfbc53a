"""`tfapp reproduce tv-table-N` through the whole command line, on tiny data in the official layouts."""

import json
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.conftest import draw_discs
from tfapp.cli.main import app

pytestmark = pytest.mark.usefixtures("two_weights")
TINY = "--epochs 1 --steps-per-epoch 1 --batch-size 2 --base-width 2 --depth 1".split()


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result):
    return " ".join(result.output.split())


def table(number, data, out, *options):
    return tfapp("reproduce", f"tv-table-{number}", "--data", data, "--out", out, *TINY, *options)


def write_pair(image, mask, labels, values):
    image.parent.mkdir(parents=True, exist_ok=True)
    mask.parent.mkdir(parents=True, exist_ok=True)
    picture = np.stack([60 * labels + 40, 200 - 70 * labels, 30 * labels + 90], -1).astype(np.uint8)
    Image.fromarray(picture).save(image)
    Image.fromarray(np.asarray(values, np.uint8)[labels]).save(mask)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Ten white blood cells in the layout of Zheng et al."""
    root, rng = tmp_path_factory.mktemp("Dataset 2"), np.random.default_rng(0)
    for index in range(10):
        labels = draw_discs(rng, (24, 24), 3)
        write_pair(root / f"{index:03d}.bmp", root / f"{index:03d}.png", labels, (0, 128, 255))
    return root


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Eight road scenes in the layout of SegNet's CamVid."""
    root, rng = tmp_path_factory.mktemp("CamVid"), np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 2), ("test", 2)):
        lines = []
        for index in range(count):
            labels = draw_discs(rng, (24, 32), 3)
            write_pair(
                root / part / f"{index}.png", root / f"{part}annot" / f"{index}.png", labels, (0, 3, 11)
            )
            lines.append(f"/SegNet/CamVid/{part}/{index}.png /SegNet/CamVid/{part}annot/{index}.png")
        (root / f"{part}.txt").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="module")
def first(cells, two_weights, tmp_path_factory):
    """Table 1 over two seeds."""
    out = tmp_path_factory.mktemp("tables") / "wbc"
    result = table(1, cells, out, "--seeds", "0,1", "--resize", 16)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def both(cells, first):
    """Table 2 over one seed, in the folder of table 1."""
    result = table(2, f"wbc:{cells}", first, "--seeds", "0", "--resize", 16)
    assert result.exit_code == 0, result.output
    return first


@pytest.mark.reproduce
def test_table_1_writes_the_table_the_figures_and_the_page(first):
    names = {"tv-table-1.md", "tv-table-1.csv", "tv-table-1.html", "figure-2.png", "figure-3.png", "model-1"}
    assert names <= {path.name for path in first.iterdir()}


@pytest.mark.reproduce
def test_seeds_are_averaged_in_one_column_whatever_lambda_each_has(first):
    text = (first / "tv-table-1.md").read_text(encoding="utf-8")
    assert "| noise | Unet mIoU | Unet+TV mIoU | RUnet mIoU | Unet accuracy |" in text
    assert re.search(r"\| clean \| [\d.]+ ± [\d.]+ \|", text)


@pytest.mark.reproduce
def test_rows_are_those_of_the_paper(first):
    lines = (first / "tv-table-1.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| noise"))
    rows = [line.split("|")[1].strip() for line in lines[start + 2 : start + 10]]
    sigmas = [f"gaussian 0.0{digit}" for digit in (1, 3, 5, 7, 9)]
    assert rows == ["clean", *sigmas, "pepper 0.01", "salt 0.01"]


@pytest.mark.reproduce
@pytest.mark.parametrize("suffix", ["md", "html"])
def test_page_and_table_show_the_command_as_it_was_typed(first, cells, suffix):
    text = (first / f"tv-table-1.{suffix}").read_text(encoding="utf-8")
    line = re.search("tfapp reproduce tv-table-1 --data .*", text)[0]
    assert str(cells) in line and f"--out {first} --seeds 0,1 --epochs 1" in line and "--scale" not in line


@pytest.mark.reproduce
@pytest.mark.parametrize("suffix", ["md", "html"])
def test_page_and_table_say_what_they_take_the_paper_s_tables_for(first, suffix):
    text = (first / f"tv-table-1.{suffix}").read_text(encoding="utf-8")
    assert "Assumed of that section" in text and "arXiv:1907.05287" in text


@pytest.mark.reproduce
def test_page_shows_the_chosen_and_the_learned_lambda_of_every_seed(first):
    text = (first / "tv-table-1.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
    stored = [
        json.loads((first / "model-1" / f"unet-seed{seed}" / "post-tv.json").read_text()) for seed in (0, 1)
    ]
    assert [(seed, float(chosen)) for seed, chosen, _ in rows] == [
        ("0", stored[0]["weight"]),
        ("1", stored[1]["weight"]),
    ]
    history = (first / "model-1" / "runet-seed1" / "history.csv").read_text().splitlines()
    learned = dict(zip(history[0].split(","), history[-1].split(","), strict=True))["tv_weight"]
    assert float(rows[1][2]) == pytest.approx(float(learned), abs=5e-4)


@pytest.mark.reproduce
def test_page_holds_its_figures_and_loads_nothing(first):
    page = (first / "tv-table-1.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/png;base64,') == 2
    assert not re.search(r'(src|href)="(?!data:|#)', page)


@pytest.mark.reproduce
def test_finished_table_is_made_again_without_training(both, cells):
    models = sorted((both / "model-2").glob("*/model.keras"))
    before = [os.stat(path).st_mtime_ns for path in models]
    assert table(2, cells, both, "--seeds", "0", "--resize", 16).exit_code == 0
    assert len(models) == 2 and [os.stat(path).st_mtime_ns for path in models] == before


@pytest.mark.reproduce
def test_overwrite_trains_again(both, cells, tmp_path):
    shutil.copytree(both / "model-2", tmp_path / "model-2")
    record = tmp_path / "model-2" / "runet-seed0" / "run.json"
    record.write_text("{}")
    assert table(2, cells, tmp_path, "--seeds", "0", "--resize", 16, "--overwrite").exit_code == 0
    assert json.loads(record.read_text())["config"]["epochs"] == 1


@pytest.mark.reproduce
def test_odd_tables_train_on_clean_images_and_even_ones_with_noise(both):
    noises = [
        json.loads((both / f"model-{model}" / "runet-seed0" / "run.json").read_text())["config"][
            "train_noise"
        ]
        for model in (1, 2)
    ]
    assert noises == [None, "gaussian=0.05"]


@pytest.mark.reproduce
def test_figures_show_both_models_when_both_were_trained(both):
    page = (both / "tv-table-2.html").read_text(encoding="utf-8")
    assert "Model 1 (solid) was trained on clean images, model 2 (dashed) on a noisy set" in page
    # Input, truth, and three answers of each model.
    with Image.open(both / "figure-3.png") as sheet:
        assert sheet.width == 8 * (190 + 6) + 6


@pytest.mark.reproduce
def test_tables_of_camvid_are_of_segnet(scenes, tmp_path):
    result = table(3, scenes, tmp_path, "--seeds", "2", "--resize", "16x24")
    assert result.exit_code == 0, result.output
    config = json.loads((tmp_path / "model-1" / "rsegnet-seed2" / "run.json").read_text())["config"]
    assert (config["model"], config["class_weighting"], config["augment"]) == (
        "segnet",
        "median-frequency",
        "mirror",
    )
    assert "Segnet+TV" in (tmp_path / "tv-table-3.md").read_text(encoding="utf-8")
    assert (tmp_path / "figure-4.png").is_file() and (tmp_path / "figure-5.png").is_file()


@pytest.mark.parametrize("number", range(1, 7))
def test_help_says_what_the_table_is_taken_for(number):
    text = said(tfapp("reproduce", f"tv-table-{number}", "--help"))
    assert f"Table {number}: " in text and "Assumed of that section" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "data", "options", "sentence"),
    [
        (
            3,
            "wbc:{cells}",
            "",
            "Table 3 is made of CamVid: expected --data FOLDER or camvid:FOLDER; got 'wbc:",
        ),
        (3, "{cells}", "", "has no train.txt; expected SegNet's CamVid folder"),
        (5, "{cells}", "", "No SUN RGB-D images in"),
        (1, "/no/such", "", "Folder /no/such (of 'wbc:/no/such') does not exist"),
        (1, "{cells}", "--seeds 0,x", "--seeds '0,x' is not understood"),
        (1, "{cells}", "--seeds 1,1", "--seeds '1,1' is not understood; expected different integers"),
        (1, "{cells}", "--scale huge", "Unknown --scale 'huge'; choose one of: small, paper"),
        (1, "{cells}", "--train-noise salt=0.01", "--train-noise is for model 2, tv-table-2"),
        (2, "{cells}", "--train-noise fog=1", "Unknown noise 'fog=1'"),
        (1, "{cells}", "--tv-gradient magic", "Unknown tv gradient 'magic'"),
        (1, "{cells}", "--encoder-weights imagenet", "got `model` unet"),
        (1, "{few}", "", "too few to keep some for validation"),
    ],
)
def test_bad_input_gets_one_sentence_before_anything_is_written(
    cells, tmp_path, number, data, options, sentence
):
    few = tmp_path / "few"
    for index in range(4):
        write_pair(few / f"{index}.bmp", few / f"{index}.png", np.zeros((24, 24), int), (0,))
    out = tmp_path / "out"
    result = table(number, data.format(cells=cells, few=few), out, *options.split())
    assert result.exit_code == 2 and sentence in said(result), result.output
    assert "Traceback" not in result.output and not out.exists()
