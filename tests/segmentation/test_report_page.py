import base64
import io
import json
import re
from dataclasses import replace

import pytest
from PIL import Image

from tests.report.page_reader import Reader
from tfapp.data import Noise
from tfapp.errors import InputError
from tfapp.segmentation.evaluation import store_metrics
from tfapp.segmentation.page import write_report
from tfapp.segmentation.page.contents import read_metrics

HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def report(evaluated_run, plain_run, tmp_path_factory):
    """The page about both runs."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    return write_report([evaluated_run.path, plain_run.path], out, examples=2)


@pytest.fixture(scope="module")
def page(report):
    return Reader(report.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_every_tag_is_closed(page):
    assert page.open == []


def test_sources_and_links_are_data_or_anchors_of_the_page(page):
    references = page.values("src") + page.values("href")
    assert references
    assert all(reference.startswith(("data:", "#")) for reference in references)


def test_style_sheet_loads_nothing(report):
    style = re.search("<style>(.*?)</style>", report.read_text(encoding="utf-8"), re.S)[1]
    assert "url(" not in style and "@import" not in style


def test_contents_link_to_sections_that_exist(page):
    anchors = {reference[1:] for reference in page.values("href") if reference.startswith("#")}
    assert anchors <= set(page.values("id"))


def test_identifiers_are_unique(page):
    assert len(page.values("id")) == len(set(page.values("id")))


def test_plotly_is_inlined_once(page):
    assert sum("plotly.js v" in script for script in page.scripts) == 1


def test_plotly_cannot_send_data_away(page):
    assert "showSendToCloud: false" in page.scripts[-1]


def test_every_figure_has_its_place_and_valid_json(page):
    figures = dict(zip(page.values("data-plot"), page.scripts, strict=False))
    assert {"curve-miou", "curve-re", "training-loss", "training-lambda", "surface-0"} == set(figures)
    assert set(figures) <= set(page.values("id"))
    assert all(json.loads(content)["data"] for content in figures.values())


def test_page_has_language_and_viewport(page):
    assert ("html", "lang", "en") in page.attributes
    assert ("meta", "name", "viewport") in page.attributes


def test_every_picture_has_an_alternative_text(page):
    assert len(page.values("alt")) == len(page.values("src")) and all(page.values("alt"))


def test_pictures_decode_at_their_stated_size(page):
    sizes = zip(page.values("width"), page.values("height"), strict=True)
    for source, (width, height) in zip(page.values("src"), sizes, strict=True):
        picture = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))
        picture.load()
        assert picture.size == (int(width), int(height))


def test_each_example_shows_input_truth_and_every_run_clean_and_noisy(page):
    assert len(page.values("src")) == 2 * 2 * (2 + 2)


def test_every_noise_is_a_row(page):
    for noise in ("clean", "gaussian 0.05", "salt 0.02"):
        assert page.words.count(noise) >= 3


def test_run_without_evaluation_is_named_with_the_command(page, plain_run):
    assert "Unet is not evaluated yet" in page.words
    assert f"tfapp evaluate {plain_run.path}" in page.words


def test_run_without_surface_is_named_with_the_command(page, plain_run):
    assert f"tfapp landscape {plain_run.path}" in page.words


def test_surface_check_shows_the_loss_of_keras(page, evaluated_run):
    from tfapp.landscape import Surface

    check = Surface.load(evaluated_run.path / "landscape" / "surface.npz").metadata["self_check"]
    assert f"{check['evaluate']:.6g}" in page.words


def test_shares_below_the_pictures_are_those_of_the_evaluation(evaluated_run, tmp_path):
    images = len(evaluated_run.split.test)
    written = write_report(
        [evaluated_run], tmp_path / "all.html", examples=images, noise=Noise("gaussian", 0.05)
    )
    words = Reader(written.read_text(encoding="utf-8")).words
    shares = [float(share) for share in re.findall(r"RUnet:\s([\d.]+)\s%\sright", words)]
    clean, noisy = shares[:images], shares[images:]
    rows = evaluated_run.metrics()["RUnet"]["rows"]
    # All images have one size, so that the mean of the shares is the share of all; 0.05 is the rounding.
    assert sum(clean) / images == pytest.approx(100 * rows[0]["accuracy"], abs=0.051)
    assert sum(noisy) / images == pytest.approx(100 * rows[1]["accuracy"], abs=0.051)


def test_table_says_that_the_training_was_clean(page):
    assert "In the training, all images were clean." in page.words


@pytest.mark.slow
def test_table_says_which_noise_the_training_had(evaluated_run, tmp_path, copy_of):
    def train_with_noise(record):
        record["config"].update(train_noise="salt=0.02", noisy_share=1 / 3)

    noisy = copy_of(evaluated_run, "noisy", train_with_noise)
    words = Reader(write_report([evaluated_run, noisy], tmp_path / "r.html", examples=1).read_text()).words
    assert "a random third of the training images had salt on 2 % of the pixels" in words
    assert "all images were clean" in words


@pytest.mark.slow
def test_runs_trained_with_other_noise_are_columns_of_their_own(evaluated_run, tmp_path, copy_of):
    noisy = copy_of(evaluated_run, "n", lambda r: r["config"].update(train_noise="salt=0.02"))
    words = Reader(write_report([evaluated_run, noisy], tmp_path / "r.html", examples=1).read_text()).words
    assert "RUnet (without --train-noise)" in words and "RUnet (--train-noise salt=0.02)" in words


def test_amounts_are_explained_in_the_units_of_the_corruptions_tested(evaluated_run, tmp_path, copy_of):
    run = copy_of(evaluated_run, "blurred")
    (stored,) = read_metrics(run)
    blurred = replace(stored.rows[1], noise="blur 1", kind="blur", amount=1.0)
    store_metrics(run, replace(stored, rows=(stored.clean, blurred)))
    words = Reader(write_report([run], tmp_path / "r.html", examples=1).read_text()).words
    assert "blur: standard deviation in pixels" in words and "salt" not in words


def test_pictures_under_another_corruption_than_noise_are_not_called_noisy(evaluated_run, tmp_path):
    written = write_report([evaluated_run], tmp_path / "b.html", examples=1, noise=Noise("blur", 2.0))
    page = Reader(written.read_text(encoding="utf-8"))
    assert "The same images under a blur of σ = 2 pixels" in page.words and "Input, blur 2" in page.words
    assert any(alt.endswith("under a blur of σ = 2 pixels") for alt in page.values("alt"))


def test_clean_noise_leaves_out_the_noisy_pictures(evaluated_run, tmp_path):
    written = write_report([evaluated_run], tmp_path / "c.html", examples=1, noise=Noise("gaussian", 0.0))
    assert len(Reader(written.read_text(encoding="utf-8")).values("src")) == 3


def test_given_commands_replace_the_general_ones(evaluated_run, tmp_path):
    steps = [("Do this & that.", "tfapp train 'folder:my data' --out <here>")]
    page = Reader(write_report([evaluated_run], tmp_path / "r.html", examples=1, commands=steps).read_text())
    assert steps[0][1] in page.words and "folder:PATH" not in page.words


def test_hostile_names_stay_text(evaluated_run, tmp_path, copy_of):
    def rename(record):
        record["data"]["class_names"][1] = HOSTILE
        record["data"]["spec"] = f"folder:/{HOSTILE}"
        record["config"]["model"] = HOSTILE

    run = copy_of(evaluated_run, 'run"><script>', rename)
    metrics = run.metrics()
    metrics["RUnet"]["class_names"][1] = HOSTILE
    (run.path / "metrics.json").write_text(json.dumps({HOSTILE: metrics["RUnet"]}))
    text = write_report([run], tmp_path / "h.html").read_text(encoding="utf-8")
    assert HOSTILE not in text and '"><script>' not in text
    assert HOSTILE in Reader(text).words


def test_missing_data_leave_a_page_without_pictures(evaluated_run, tmp_path, copy_of):
    def lose(record):
        record["data"]["spec"] = "folder:/no/such/folder"

    run = copy_of(evaluated_run, "lost", lose)
    page = Reader(write_report([run], tmp_path / "lost.html").read_text(encoding="utf-8"))
    assert "No pictures: Folder /no/such/folder" in page.words and page.values("src") == []


def test_progress_counts_every_image_of_every_run(evaluated_run, tmp_path):
    seen = []
    write_report(
        [evaluated_run], tmp_path / "p.html", examples=2, progress=lambda *args: seen.append(args[:2])
    )
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"examples": 0}, "at least 1; got 0"),
        ({"exports": ["no-such-export"]}, "no-such-export is not a SavedModel"),
    ],
)
def test_wrong_option_writes_nothing(evaluated_run, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        write_report([evaluated_run], tmp_path / "wrong.html", **options)
    assert list(tmp_path.iterdir()) == []


def test_folder_as_output_is_refused(evaluated_run, tmp_path):
    with pytest.raises(InputError, match="is a folder; `out` must name"):
        write_report([evaluated_run], tmp_path)


@pytest.mark.slow
def test_late_failure_leaves_nothing_half_written_and_keeps_the_old_page(
    evaluated_run, tmp_path, monkeypatch
):
    out = tmp_path / "kept.html"
    out.write_text("old")
    # The last section fails, when all else is ready.
    monkeypatch.setattr("tfapp.report.page._footer", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report([evaluated_run], out, examples=1)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.html"] and out.read_text() == "old"
