import pytest

from tfapp.reproduce.tv.tables import SCALES, SUBJECTS, TABLES, scale_settings, spaced
from tfapp.segmentation.config import TrainConfig


def test_tables_are_of_three_subjects_with_two_models_each():
    assert [table.subject.reader for table in TABLES.values()] == [
        *("wbc", "wbc", "camvid", "camvid", "sunrgbd", "sunrgbd")
    ]
    assert [table.model_number for table in TABLES.values()] == [1, 2, 1, 2, 1, 2]


def test_two_tables_share_two_figures():
    figures = [(table.curve_figure, table.example_figure) for table in TABLES.values()]
    assert figures == [(2, 3), (2, 3), (4, 5), (4, 5), (6, 7), (6, 7)]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.reader)
def test_settings_of_every_scale_make_a_valid_run_of_the_subject_s_network(scale, subject):
    config = TrainConfig(**scale_settings(subject.reader, scale, {(300, 300)}))
    config.check()
    assert config.model == subject.model and config.validation_share > 0


@pytest.mark.parametrize(
    ("scale", "sizes", "resize"),
    [
        ("small", {(120, 120), (88, 100)}, (96, 96)),
        ("small", {(300, 300)}, (128, 128)),
        ("paper", {(300, 300)}, None),
        ("paper", {(120, 100), (88, 120)}, (120, 120)),
    ],
)
def test_cells_are_resized_by_their_own_size(scale, sizes, resize):
    assert scale_settings("wbc", scale, sizes)["resize"] == resize


def test_other_subjects_have_one_size_at_a_scale():
    assert scale_settings("camvid", "small", {(360, 480)})["resize"] == (96, 128)


def test_spaced_items_keep_their_order_and_their_distance():
    assert spaced(tuple(range(10)), 5) == (0, 2, 4, 6, 8)


@pytest.mark.parametrize("count", [None, 3, 4])
def test_few_items_are_all_taken(count):
    assert spaced((1, 2, 3), count) == (1, 2, 3)
