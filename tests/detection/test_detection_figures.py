"""Tables, figures and page sections of the scores of a detector."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from tests.detection.random_scenes import boxes_at, detections_at, random_scenes
from tests.report.page_reader import Reader
from tfapp.detection.scores.errors import FALSE_KINDS
from tfapp.detection.scores.evaluation import evaluate_detections
from tfapp.detection.scores.figures import (
    CONFUSION,
    CURVES,
    ERRORS,
    KIND_COLOURS,
    draw_confusion,
    draw_curves,
    draw_errors,
    save_figures,
)
from tfapp.detection.scores.page_sections import errors_sentence, score_sections
from tfapp.detection.scores.tables import coco_table, score_remarks, scores_table

NAMES = ["cat", "dog", "<cow>", "unicorn"]


@pytest.fixture(scope="module")
def metrics():
    return evaluate_detections(*random_scenes(images=30), NAMES)


@pytest.fixture(scope="module")
def nothing():
    return evaluate_detections([boxes_at([])], [detections_at([], [])], ["cat"])


def test_table_has_the_asked_form_first_and_a_row_for_the_mean(metrics):
    table = scores_table(metrics)
    assert list(table.header) == [
        "class", "objects", "AP 11-point %", "AP area %", "AP COCO %", "precision %", "recall %",
    ]  # fmt: skip
    assert [row[0] for row in table.rows] == [*NAMES, "mean"]
    assert table.rows[-1][2] == f"{100 * metrics['mean']['11-point']:.1f}"


def test_class_without_objects_has_dashes(metrics):
    row = scores_table(metrics).rows[3]
    assert row == ["unicorn", "0", "–", "–", "–", "–", "–"]


def test_precision_and_recall_are_shares_of_detections_and_of_objects(metrics):
    correct = metrics["errors"]["correct"][0]
    false = sum(metrics["errors"][kind][0] for kind in FALSE_KINDS)
    expected = [f"{100 * correct / (correct + false):.1f}", f"{100 * correct / metrics['objects'][0]:.1f}"]
    assert scores_table(metrics).rows[0][-2:] == expected


def test_table_of_coco_has_its_twelve_numbers(metrics):
    assert len(coco_table(metrics).rows) == 12


def test_classes_that_are_left_out_are_told(metrics):
    assert any("left out of the mean: unicorn." in sentence for sentence in score_remarks(metrics))


def test_a_curve_for_each_class_with_its_precision_in_the_legend(metrics):
    figure = draw_curves(metrics)
    values = metrics["average_precision"]["11-point"][:3]
    expected = [f"{NAMES[place]}  {100 * values[place]:.1f}" for place in np.argsort(values)[::-1]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == expected


def test_curve_ends_at_the_last_recall_that_is_reached(metrics):
    line = next(line for line in draw_curves(metrics).axes[0].lines if line.get_label().startswith("cat"))
    assert len(line.get_xdata()) == np.count_nonzero(metrics["curves"][0])


def test_cells_of_the_confusion_have_its_counts_without_classes_that_are_nowhere(metrics):
    texts = draw_confusion(metrics).axes[0].texts
    found = np.zeros((4, 4), int)
    for text in texts:
        column, row = text.get_position()
        found[int(row), int(column)] = int(text.get_text().replace(",", ""))
    counts = np.array(metrics["confusion"])
    assert not counts[3].any() and not counts[:, 3].any()  # the unicorns
    assert found.tolist() == counts[np.ix_([0, 1, 2, 4], [0, 1, 2, 4])].tolist()


def test_bars_of_a_row_fill_it_with_one_colour_a_kind(metrics):
    panel = draw_errors(metrics).axes[0]
    last = [container[-1] for container in panel.containers]
    assert [to_hex(bar.get_facecolor()) for bar in last] == list(KIND_COLOURS.values())
    assert sum(bar.get_width() for bar in last) == pytest.approx(100)


def test_figures_of_no_object_and_no_detection_are_drawn(nothing, tmp_path):
    for file in save_figures(nothing, tmp_path):
        with Image.open(file) as opened:
            assert opened.width > 100


def test_many_classes_have_a_confusion_without_numbers():
    names = [f"class {place}" for place in range(40)]
    metrics = evaluate_detections(*random_scenes(), names, coco=False) | {"confusion": [[1] * 41] * 41}
    assert not draw_confusion(metrics).axes[0].texts


@pytest.fixture(scope="module")
def page(metrics, tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    save_figures(metrics, folder)
    return Reader("".join(section.html() for section in score_sections(metrics, folder)))


def test_sections_close_their_tags_and_escape_names(page):
    assert page.open == [] and "<cow>" in page.words


def test_sections_hold_the_three_figures(page):
    assert sum(source.startswith("data:image/png") for source in page.values("src")) == 3


def test_section_tells_the_mean_first(page, metrics):
    assert f"Mean AP (11-point) is {100 * metrics['mean']['11-point']:.1f} %" in page.words


def test_missing_figures_are_told_by_whoever_makes_them(metrics, tmp_path):
    asked = []
    score_sections(metrics, tmp_path, lambda name: asked.append(name) or "")
    assert asked == [CURVES, ERRORS, CONFUSION]


def test_sections_without_objects_say_so(nothing, tmp_path):
    bodies = "".join(section.body for section in score_sections(nothing, tmp_path))
    assert "there is no average precision" in bodies


def test_sentence_on_errors_names_the_most_frequent_kind():
    place = (0, 0, 10, 10)
    found = detections_at([place, place, place, (50, 50, 60, 60)], [0.9, 0.8, 0.7, 0.6])
    metrics = evaluate_detections([boxes_at([place])], [found], ["cat"], coco=False)
    assert "66.7 %, are of the kind “found twice”" in errors_sentence(metrics)


def test_sentence_on_errors_of_a_perfect_detector(nothing):
    assert errors_sentence(nothing) == "No detection with a score of at least 0.5 is false."
