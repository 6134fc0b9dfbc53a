import pytest

from tfapp.errors import InputError
from tfapp.reproduce.tv.options import config_for, settings_for
from tfapp.reproduce.tv.tables import SCALES, SUBJECTS, TABLES, scale_settings, spaced
from tfapp.segmentation.config import TrainConfig


def test_tables_are_of_three_subjects_with_two_models_each():
    assert [table.subject.reader for table in TABLES.values()] == [
        *("wbc", "wbc", "camvid", "camvid", "sunrgbd", "sunrgbd")
    ]
    assert [table.model_number for table in TABLES.values()] == [1, 2, 1, 2, 1, 2]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("model", [1, 2])
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.reader)
def test_settings_of_every_scale_make_a_valid_run_of_the_subject_s_network(scale, subject, model):
    options = {"encoder_weights": None if subject.model == "unet" else "imagenet"}
    config = TrainConfig(**settings_for(subject, model, scale, {(300, 300)}, options))
    config.check()
    assert config.model == subject.model


@pytest.mark.parametrize("scale", SCALES)
def test_noisy_sets_are_the_paper_s_at_every_scale(scale):
    found = {}
    for subject in SUBJECTS:
        settings = settings_for(subject, 2, scale, {(300, 300)}, {"encoder_weights": "none"})
        found[subject.reader] = settings["train_noise"], settings["noisy_share"]
    assert found == {
        "wbc": ("gaussian=0.05|salt-and-pepper=0.01", 20 / 60),
        "camvid": ("gaussian=0.03|salt-and-pepper=0.01", 90 / 367),
        "sunrgbd": ("gaussian=0.05|salt-and-pepper=0.01", 1000 / 5285),
    }


@pytest.mark.parametrize("scale", SCALES)
def test_model_1_trains_on_clean_images(scale):
    assert "train_noise" not in settings_for(SUBJECTS[0], 1, scale, {(300, 300)}, {})


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.reader)
def test_one_step_is_the_gradient_at_paper_scale_only(subject):
    options = {"encoder_weights": "none"}
    gradients = [
        TrainConfig(**settings_for(subject, 1, scale, {(300, 300)}, options)).tv_gradient for scale in SCALES
    ]
    assert gradients == ["implicit", "implicit", "one-step"]


def test_option_comes_before_the_scale():
    given = {
        "momentum": 0.5,
        "validation_share": 0.2,
        "augment": "flips",
        "tv_step": 0.1,
        "random_split": False,
    }
    settings = settings_for(SUBJECTS[2], 1, "paper", {(300, 300)}, given | {"encoder_weights": "none"})
    assert {name: settings[name] for name in given} == given


def test_scenes_at_paper_scale_are_cropped_as_in_the_text_unless_a_size_is_given():
    def sizes(**given):
        settings = settings_for(SUBJECTS[2], 1, "paper", {(530, 730)}, given | {"encoder_weights": "none"})
        return settings.get("resize"), settings.get("crop")

    assert sizes() == (None, (360, 480))
    assert sizes(resize=(96, 128)) == ((96, 128), None)
    assert sizes(resize=(96, 128), crop=(64, 64)) == ((96, 128), (64, 64))


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_weight_that_cannot_be_is_refused_before_the_data_are_opened(weight):
    with pytest.raises(InputError, match="`post_tv` must be a number of at least 0"):
        config_for(SUBJECTS[0], 1, "wbc:/no/such", "small", {"post_tv": weight})


def test_another_optimizer_does_not_inherit_rate_and_momentum():
    settings = settings_for(SUBJECTS[0], 1, "paper", {(300, 300)}, {"optimizer": "adam"})
    config = TrainConfig(**settings)
    config.check()
    assert (config.momentum, config.learning_rate) == (None, None)


@pytest.mark.parametrize(
    ("scale", "sizes", "resize"),
    [
        ("small", {(120, 120), (88, 100)}, (96, 96)),
        ("small", {(300, 300)}, (128, 128)),
        ("medium", {(300, 300)}, (150, 150)),
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
