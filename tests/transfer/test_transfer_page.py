import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.report.page_reader import Reader
from tests.transfer.made_up_run import begun_run, embedding, finished_run, grid, metrics, result
from tfapp.errors import InputError
from tfapp.transfer.embedding import write_embedding
from tfapp.transfer.page import save_page
from tfapp.transfer.page_sentences import grid_sentence, result_sentences
from tfapp.transfer.run import TransferRun

HOSTILE = "<script>alert('x')</script>"


def page_of(run):
    """Write the page of a run and return what it holds."""
    save_page(run, run.path / "transfer.html")
    return Reader((run.path / "transfer.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return page_of(finished_run(tmp_path_factory.mktemp("finished"), metrics()))


@pytest.fixture(scope="module")
def empty_page(tmp_path_factory):
    return page_of(begun_run(tmp_path_factory.mktemp("begun folder") / "own run"))


def test_every_tag_is_closed(page, empty_page):
    assert page.open == empty_page.open == []


def test_sources_and_links_are_data_or_anchors_of_the_page(page):
    anchors = {f"#{name}" for name in page.values("id")}
    references = page.values("src") + page.values("href")
    assert references
    assert all(one.startswith("data:") or one in anchors for one in references)


def test_all_five_pictures_are_in_the_page(page):
    assert sum(source.startswith("data:image/png;base64,") for source in page.values("src")) == 5


def test_the_settings_are_told(page):
    for text in ("own.keras", "labels:/own", "16×16", "4×4, enlarged again", "N1 = 1024, N2 = k = 100"):
        assert text in page.words
    assert "soft: how much of the sharp image belongs to each cluster, temperature 0.2" in page.words
    assert "adam, 0.001" in page.words


def test_the_table_has_both_forms_the_asked_one_first(tmp_path):
    save_page(finished_run(tmp_path, metrics() | {"ap": "11-point"}), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    head, *_ = re.findall("<thead><tr>(.*?)</tr></thead>", page)
    assert re.findall(">([^<>]+)</th>", head)[:3] == ["features", "mean AP, 11-point, %", "mean AP, area, %"]
    # Of 90, 80 and 95 %, halved in the other form.
    assert '<th scope="row">HR</th><td>44.2</td><td>88.3</td><td>8</td><td>10</td>' in page


def test_accuracy_is_a_column_where_every_image_has_one_class(tmp_path):
    measured = metrics()
    for one in measured["features"]:
        one["accuracy"] = 0.5
    assert "accuracy, %" in page_of(finished_run(tmp_path, measured)).words


def test_accuracy_is_left_out_of_images_with_several_classes(page):
    assert "accuracy, %" not in page.words


def test_the_class_table_has_the_images_and_all_features(tmp_path):
    save_page(finished_run(tmp_path, metrics()), tmp_path / "page.html")
    row = '<th scope="row">cat</th><td>40</td><td>80.0</td><td>72.0</td><td>74.0</td><td>72.5</td>'
    assert row in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_images_that_could_not_be_read_are_named(tmp_path):
    measured = metrics()
    measured["images"]["skipped"] = ["torn.jpg"]
    words = page_of(finished_run(tmp_path, measured)).words
    assert "1 images could not be read: torn.jpg." in words


def test_text_from_people_is_escaped(tmp_path):
    measured = metrics(names=(HOSTILE, "cat", "dog"))
    run = finished_run(tmp_path, measured, backbone=HOSTILE)
    run.record["data"]["spec"] = run.record["backbone"]["name"] = run.record["command"] = HOSTILE
    write_embedding(embedding((HOSTILE, "b", "c")), tmp_path / "embedding.npz")
    page = page_of(run)
    assert page.words.count(HOSTILE) == 4
    assert page.scripts == [script for script in page.scripts if "alert" not in script]


def test_what_is_missing_is_named_with_its_command(empty_page):
    words = empty_page.words
    assert "The training has not ended; resume it with" in words
    for command in ("evaluate", "tsne", "grid"):
        assert re.search(rf"run\s*tfapp transfer {command} '[^']*/begun folder0/own run'", words)


def test_a_trained_run_is_to_be_evaluated(tmp_path):
    run = begun_run(tmp_path)
    (tmp_path / "transfer.keras").touch()
    words = page_of(run).words
    assert f"Nothing is measured yet; runtfapp transfer evaluate {tmp_path}" in words


def test_a_missing_picture_is_named(tmp_path):
    run = finished_run(tmp_path, metrics())
    (tmp_path / "figures" / "tsne.png").unlink()
    assert f"The picture tsne.png is missing; runtfapp transfer tsne {tmp_path}" in page_of(run).words


def test_the_agreements_stand_beside_chance(page):
    # 3 classes of 10 images each: 9 of 29 others.
    assert "Neighbours of the own class, 31.0 % by chance" in page.words


@pytest.mark.parametrize("name", ["metrics.json", "grid.json"])
@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_damaged_files_are_named_and_nothing_is_written(tmp_path, name, content):
    run = finished_run(tmp_path, metrics())
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=f"{name} is damaged"):
        save_page(run, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_folder_is_not_overwritten_by_the_page(tmp_path):
    with pytest.raises(InputError, match="is a folder; `out` must name an HTML file"):
        save_page(begun_run(tmp_path), tmp_path)


def test_a_gain_is_told_with_its_share_of_what_low_resolution_costs():
    # HR 88.3, LR 67.3: 21 points.
    first, second, *_ = result_sentences(metrics(ours=0.021))
    assert first.endswith(
        "mean AP 69.4 % against 67.3 %, a gain of 2.1 points, or 10 % of what low resolution costs."
    )
    assert second == "Low resolution costs 21.0 points: sharp images have 88.3 %."


def test_a_loss_is_called_a_loss():
    first, *_ = result_sentences(metrics(ours=-0.03))
    assert (
        "worse than those of low-resolution images: mean AP 64.3 % against 67.3 %, a loss of 3.0 points"
        in first
    )
    assert "the transfer does harm" in first


def test_less_than_can_be_written_is_no_difference():
    first, *_ = result_sentences(metrics(ours=0.0001))
    assert first == (
        "Transferred features are as good as those of low-resolution images: mean AP 67.3 % against 67.3 %."
    )


def test_nothing_is_to_be_won_where_sharp_images_are_no_better():
    sentences = result_sentences(metrics(high=(0.6, 0.7, 0.5)))
    assert "there is nothing for a transfer to win back" in sentences[1]
    assert sentences[0].endswith("a gain of 2.0 points.")


def test_classes_that_gain_and_lose_are_counted():
    assert "Of 3 classes 1 gain by the transfer and 1 lose." in result_sentences(
        metrics(ours=np.array([0.1, 0, -0.1]))
    )


@pytest.mark.parametrize(
    ("ours", "untrained", "expected"),
    [
        (0.03, 0.01, "68.3 %, 1.0 points above LR: training it added 2.0 points."),
        (0.00, 0.01, "68.3 %, 1.0 points above LR: training it took 1.0 points away."),
        (0.02, 0.02, "69.3 %, 2.0 points above LR: training it made no difference."),
        (0.01, -0.01, "66.3 %, 1.0 points below LR: training it added 2.0 points."),
        (0.01, 0.00, "67.3 %, as good as LR: training it added 1.0 points."),
    ],
)
def test_the_untrained_network_says_what_training_added(ours, untrained, expected):
    sentence = result_sentences(metrics(ours=ours, untrained=untrained))[-1]
    assert sentence == f"The same network without any training has {expected}"


def test_further_features_are_compared_with_ours():
    measured = metrics()
    measured["features"].append(result("other", "ours, nearest centroid", np.array([0.7, 0.72, 0.6])))
    assert result_sentences(measured)[-1] == (
        "Beside it, ours, nearest centroid: 67.3 %, 2.0 points below ours."
    )


def test_the_best_size_of_a_grid_is_told_as_picked():
    # Means 62, 71 and 65 % against 66 %.
    sentence = grid_sentence(grid())
    assert sentence.startswith(
        "1 of 3 sizes are better than LR (66.0 %). The best has N1 = 128, N2 = 10: 71.0 ± 1.4 %"
    )
    assert "picked by these same test images" in sentence


def test_the_page_is_written_again_in_place(tmp_path):
    run = finished_run(tmp_path, metrics())
    page_of(run)
    (tmp_path / "metrics.json").write_text(json.dumps(metrics(ours=-0.02)))
    assert "a loss of 2.0 points" in page_of(run).words


def run_of(folder, monkeypatch, measured, laid_out):
    """Return a run whose weights are `now` and whose metrics and layout say these."""
    monkeypatch.setattr(TransferRun, "weights", "now")
    run = finished_run(folder, metrics() | measured)
    write_embedding(replace(embedding(), weights=laid_out), folder / "embedding.npz")
    return run


BEFORE = "is of before the training went on"


def test_results_of_the_network_as_it_is_are_shown(tmp_path, monkeypatch):
    page = page_of(run_of(tmp_path, monkeypatch, {"weights": "now"}, "now"))
    assert BEFORE not in page.words and "did not keep of which weights" not in page.words


def test_results_of_before_the_training_went_on_are_left_out(tmp_path, monkeypatch):
    page = page_of(run_of(tmp_path, monkeypatch, {"weights": "then"}, "then"))
    assert f"What `tfapp transfer evaluate` made {BEFORE}; run" in page.words
    assert f"What `tfapp transfer tsne` made {BEFORE}; run" in page.words
    # The picture of the grid alone: it is of other networks, with the same iterations.
    assert sum(source.startswith("data:image/png;base64,") for source in page.values("src")) == 1


def test_results_that_do_not_say_of_which_weights_they_are_are_shown_with_a_remark(page):
    assert BEFORE not in page.words and "did not keep of which weights they are" in page.words


def test_grid_of_fewer_iterations_is_left_out(tmp_path):
    run = finished_run(tmp_path, metrics())
    for cell in grid()["cells"]:
        sizes = {name: cell[name] for name in ("hidden", "clusters", "seed")}
        folder = tmp_path / "grid" / "n1-{hidden}-n2-{clusters}-seed-{seed}".format(**sizes)
        folder.mkdir(parents=True)
        config = asdict(replace(run.network_config, **sizes))
        (folder / "config.json").write_text(json.dumps(config))
    assert f"What `tfapp transfer grid` made {BEFORE}; run" not in page_of(run).words
    run.record["config"]["iterations"] += 1
    assert f"What `tfapp transfer grid` made {BEFORE}; run" in page_of(run).words


def test_solvers_that_find_their_parameter_themselves_are_told_as_such(tmp_path):
    page = page_of(begun_run(tmp_path / "run", solver="bpgrad-auto"))
    assert "bpgrad-auto, auto" in page.words
