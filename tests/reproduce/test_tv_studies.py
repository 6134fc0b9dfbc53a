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


def figure(number, data, out, *options):
    return tfapp("reproduce", f"tv-figure-{number}", "--data", data, "--out", out, *TINY, *options)


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
    names = {f"tv-table-1{suffix}" for suffix in (".md", ".csv", "-published.csv", ".png", ".html")}
    assert names | {"model-1"} <= {path.name for path in first.iterdir()}


@pytest.mark.reproduce
def test_table_1_shows_the_published_numbers(first):
    text = (first / "tv-table-1.md").read_text(encoding="utf-8")
    assert "| noise | Unet | published | difference | RUnet | published | difference |" in text
    assert re.search(r"\| gaussian 0.05 \| [\d.]+ ± [\d.]+ \| 73.94 \| [+-][\d.]+ \|", text)


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
    assert "Assumed where section 4 leaves it open" in text and "arXiv:1907.05287" in text


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
    assert page.count('src="data:image/png;base64,') == 1
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
    assert noises == [None, "gaussian=0.05|salt-and-pepper=0.01"]


@pytest.mark.reproduce
def test_figure_of_curves_takes_the_runs_of_both_tables(both, cells):
    models = sorted(both.glob("model-*/*-seed0/model.keras"))
    before = [os.stat(path).st_mtime_ns for path in models]
    result = figure(2, cells, both, "--seeds", "0", "--resize", 16)
    assert result.exit_code == 0, result.output
    assert len(models) == 4 and [os.stat(path).st_mtime_ns for path in models] == before
    text = (both / "tv-figure-2.md").read_text(encoding="utf-8")
    assert "| σ | Unet1 | published | RUnet1 | published | Unet2 | published | RUnet2 | published |" in text
    assert (both / "tv-figure-2.png").is_file()


@pytest.mark.reproduce
def test_figure_leaves_the_measures_of_the_tables_as_they_are(both, cells):
    stored = both / "model-1" / "unet-seed0" / "metrics.json"
    before = stored.read_bytes()
    assert figure(2, cells, both, "--seeds", "0", "--resize", 16).exit_code == 0
    assert stored.read_bytes() == before


@pytest.mark.reproduce
def test_figure_of_examples_trains_the_model_that_it_shows(cells, tmp_path):
    result = figure(3, cells, tmp_path, "--resize", 16)
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {"model-2", "tv-figure-3.md", "tv-figure-3.png"}
    assert {path.name for path in (tmp_path / "model-2").iterdir()} == {"unet-seed0", "runet-seed0"}


@pytest.mark.reproduce
def test_table_at_paper_scale_trains_as_the_paper_does(cells, tmp_path):
    result = table(2, cells, tmp_path, "--scale", "paper", "--seeds", "0", "--resize", 16)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "model-2" / "runet-seed0" / "run.json").read_text())
    config, split = record["config"], record["data"]["split"]
    assert (config["optimizer"], config["momentum"], config["learning_rate"]) == ("sgd", 0.9, 1e-4)
    assert (config["tv_gradient"], config["augment"], config["class_weighting"]) == (
        "one-step",
        "none",
        "none",
    )
    assert {name: len(names) for name, names in split.items()} == {"train": 6, "validation": 0, "test": 4}
    text = (tmp_path / "tv-table-2.md").read_text(encoding="utf-8")
    assert "clean training images, as none are held out" in text and "those of the last epoch" in text


@pytest.mark.reproduce
def test_folder_of_both_sets_of_cells_means_the_second_which_is_said(cells, tmp_path):
    both = tmp_path / "segmentation_WBC"
    shutil.copytree(cells, both / "Dataset 2")
    shutil.copytree(cells, both / "Dataset 1")
    result = table(1, both, tmp_path / "out", "--seeds", "0", "--resize", 16, "--post-tv", 2)
    assert result.exit_code == 0, result.output
    assert "Dataset 1 left out" in said(result)
    record = json.loads((tmp_path / "out" / "model-1" / "unet-seed0" / "run.json").read_text())
    assert record["data"]["spec"].endswith("Dataset 2")
    assert "set by hand" in (tmp_path / "out" / "tv-table-1.md").read_text(encoding="utf-8")


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


@pytest.mark.parametrize("number", range(1, 8))
def test_help_of_a_figure_says_what_it_shows(number):
    text = said(tfapp("reproduce", f"tv-figure-{number}", "--help"))
    assert f"Figure {number}: " in text and "Assumed where section 4 leaves it open" in text


@pytest.mark.parametrize("number", range(1, 7))
def test_help_says_what_the_table_is_taken_for(number):
    text = said(tfapp("reproduce", f"tv-table-{number}", "--help"))
    assert f"Table {number}: " in text and "Assumed where section 4 leaves it open" in text


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
        (1, "{cells}", "--scale huge", "Unknown --scale 'huge'; choose one of: small, medium, paper"),
        (1, "{cells}", "--train-noise salt=0.01", "--train-noise is for model 2, that of the next table"),
        (1, "{cells}", "--post-tv -1", "--post-tv must be a number from 0 to"),
        (1, "{cells}", "--noisy-share 0.5", "--noisy-share is for model 2"),
        (2, "{cells}", "--train-noise fog=1", "Unknown noise 'fog=1'"),
        (2, "{cells}", "--train-noise salt=0.01|", "a part is empty"),
        (3, "{scenes}", "--scale paper", "starts from the weights of VGG-16"),
        (4, "{scenes}", "--scale paper --base-width 64 --encoder-weights /no/such.h5", "do not exist"),
        (1, "{cells}", "--tv-gradient magic", "Unknown tv gradient 'magic'"),
        (1, "{cells}", "--encoder-weights imagenet", "got `model` unet"),
        (1, "{few}", "--test-share 0.9", "too few to split into training and test"),
    ],
)
def test_bad_input_gets_one_sentence_before_anything_is_written(
    cells, scenes, tmp_path, number, data, options, sentence
):
    few = tmp_path / "few"
    for index in range(4):
        write_pair(few / f"{index}.bmp", few / f"{index}.png", np.zeros((24, 24), int), (0,))
    out = tmp_path / "out"
    result = table(number, data.format(cells=cells, scenes=scenes, few=few), out, *options.split())
    assert result.exit_code == 2 and sentence in said(result), result.output
    assert "Traceback" not in result.output and not out.exists()
