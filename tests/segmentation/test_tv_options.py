"""Options of `tfapp train` on total variation: what they make, what is refused, and runs from before them."""

from dataclasses import fields, replace

import numpy as np
import pytest

from tfapp.data import open_dataset
from tfapp.errors import InputError
from tfapp.layers import TVReLU, TVSoftmax
from tfapp.models import logits_of, tv_head
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.training import new_model, train
from tfapp.segmentation.tv_options import parse_bounds, parse_shares

YOUNGER = [
    *("tv_method", "tv_isotropic", "tv_tolerance", "tv_label_tolerance", "tv_guide", "tv_edge_contrast"),
    *("tv_weight_form", "tv_weight_rate", "tv_weight_bounds", "tv_temperature", "learn_tv_temperature"),
    *("tv_volumes", "tv_relu", "tv_relu_weight"),
]
# Of each option a value that is not its default, and what the head has of it.
OPTIONS = {
    "tv_method": ("preconditioned-fista", {"method": "preconditioned-fista"}),
    "tv_isotropic": (False, {"isotropic": False}),
    "tv_tolerance": (1e-3, {"tolerance": 1e-3}),
    "tv_label_tolerance": (1e-3, {"label_tolerance": 1e-3}),
    "tv_edge_contrast": (0.3, {"edge_contrast": 0.3}),
    "tv_weight_form": ("direct", {"weight_form": "direct"}),
    "tv_weight_rate": (0.1, {"weight_rate": 0.1}),
    "tv_weight_bounds": ("0.5,", {"weight_bounds": (0.5, None)}),
    "tv_temperature": (0.5, {"temperature": 0.5}),
    "learn_tv_temperature": (True, {"learn_temperature": True}),
    "tv_volumes": ("0.2,0.5,0.3", {"volumes": (0.2, 0.5, 0.3)}),
}


def built(**options):
    config = TrainConfig(base_width=2, depth=2, **options).completed()
    return new_model(config, open_dataset("cells:4:32"), None)


@pytest.mark.parametrize("name", OPTIONS)
def test_head_has_the_option(name):
    value, expected = OPTIONS[name]
    config = tv_head(built(**{name: value})).get_config()
    assert {option: config[option] for option in expected} == expected


def test_head_without_options_is_the_one_of_before():
    of_layer = TVSoftmax().get_config()
    assert {**tv_head(built()).get_config(), "name": 0} == {**of_layer, "name": 0}


def test_shares_with_colons_are_bounds_of_the_head():
    head = tv_head(built(tv_volumes="0.1:0.3,:0.5,0.2:"))
    assert head.volumes == ((0.1, 0.0, 0.2), (0.3, 0.5, 1.0))


def test_guide_is_the_image_that_enters_the_network():
    model = built(tv_guide=True, tv_edge_contrast=0.3)
    images = np.random.default_rng(0).random((1, 9, 14, 3), dtype=np.float32)
    expected = TVSoftmax(edge_contrast=0.3)(logits_of(model)(images), guide=images)
    np.testing.assert_allclose(model(images, training=False), expected, atol=1e-6)


def test_relus_have_the_solver_of_the_options_and_a_weight_of_their_own():
    options = {"tv_method": "projected-gradient", "tv_iterations": 7, "learn_tv_weight": False}
    model = built(head="softmax", tv_relu=True, tv_relu_weight=0.3, **options)
    found = [layer for layer in model.layers if isinstance(layer, TVReLU)]
    assert len(found) == 10
    assert {(one.method, one.iterations, one.learn_tv_weight, one.tv_weight) for one in found} == {
        ("projected-gradient", 7, False, 0.3)
    }


@pytest.mark.parametrize("size", [(16, 16), (13, 19)])
def test_shares_are_those_of_the_image_and_not_of_what_pads_it(size):
    model = built(tv_volumes="0.2,0.5,0.3")
    images = np.random.default_rng(0).random((2, *size, 3), dtype=np.float32)
    np.testing.assert_allclose(np.mean(model(images), axis=(1, 2)), [[0.2, 0.5, 0.3]] * 2, atol=1e-5)


def test_with_another_head_nothing_is_made_of_the_options_of_a_tv_head():
    options = {name: value for name, (value, _) in OPTIONS.items()} | {"tv_guide": True}
    options["tv_method"] = "projected-gradient"
    assert tv_head(built(head="softmax", **options)) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tv_method": "newton"}, "Unknown tv method 'newton'; choose one of: fista, "),
        ({"tv_weight_form": "square"}, "Unknown tv weight form 'square'"),
        ({"tv_tolerance": 1e-9}, "`tv_tolerance` must be at least 1e-06"),
        ({"tv_label_tolerance": 2.0}, "`tv_label_tolerance` is a share of the pixels, between 0 and 1"),
        (
            {"tv_label_tolerance": 1e-3, "tv_tolerance": 1e-3},
            "Take one of `tv_tolerance` and `tv_label_tolerance`",
        ),
        (
            {"tv_tolerance": 1e-3, "tv_gradient": "unrolled"},
            "`tv_gradient` unrolled goes through a fixed number",
        ),
        ({"tv_edge_contrast": 0.0}, "`tv_edge_contrast` must be above 0"),
        ({"tv_temperature": 0.0}, "`tv_temperature` must be above 0"),
        ({"tv_relu_weight": 0.0}, "`tv_relu_weight` must be above 0"),
        ({"tv_weight_bounds": "2,1"}, "`tv_weight_bounds` must be LEAST,LARGEST"),
        ({"tv_weight_bounds": ","}, "`tv_weight_bounds` must be LEAST,LARGEST"),
        ({"tv_weight_bounds": "1"}, "`tv_weight_bounds` must be LEAST,LARGEST"),
        ({"tv_weight_bounds": "nan,2"}, "`tv_weight_bounds` must be LEAST,LARGEST"),
        ({"tv_weight_bounds": "2,3"}, "`tv_weight` 1, which lambda begins with, must lie within"),
        ({"tv_volumes": "0.2,0.8"}, "are shares of 2 classes; cells:20:32 has 3: background"),
        ({"tv_volumes": "0.2,0.5,0.4"}, "cannot be met: .* got sums of 1.1 and 1.1"),
        ({"tv_volumes": "0.6:,0.6:,:"}, "cannot be met: .* got sums of 1.2 and 3"),
        ({"tv_volumes": "0.2,,0.8"}, "has '' in it; expected a share from 0 to 1 for each class"),
        ({"tv_volumes": "0.2,-0.1,0.9"}, "has '-0.1' in it"),
        ({"tv_volumes": "0.5:0.2,:,:"}, "has '0.5:0.2' in it"),
        ({"tv_volumes": "nan,0.5,0.5"}, "has 'nan' in it"),
        ({"tv_volumes": ":,:,:"}, "bound nothing"),
        (
            {"tv_volumes": "0.2,0.5,0.3", "tv_gradient": "one-step"},
            "by `tv_gradient` implicit or jacobian-free only",
        ),
        (
            {"tv_volumes": "0.2,0.5,0.3", "tv_gradient": "unrolled"},
            "by `tv_gradient` implicit or jacobian-free only",
        ),
        (
            {"tv_volumes": "0.2,0.5,0.3", "tv_method": "preconditioned-fista"},
            "kept by `tv_method` fista or projected-gradient only",
        ),
        (
            {"tv_volumes": "0.2,0.5,0.3", "tv_method": "lazy-projected-gradient"},
            "kept by `tv_method` fista or projected-gradient only",
        ),
        ({"tv_volumes": "0.2,0.5,0.3", "patch": 16}, "would cut patches of 16 pixels out of them"),
        ({"tv_volumes": "0.2,0.5,0.3", "crop": (16, 16)}, "would cut crops out of them"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, tiny, options, message):
    with pytest.raises(InputError, match=message):
        train("cells:20:32", tmp_path / "run", tiny(**options))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "bounds"), [("0.1,5", (0.1, 5.0)), (" 0.1 , ", (0.1, None)), (",5", (None, 5.0)), (None, None)]
)
def test_an_empty_side_is_no_bound_of_lambda(text, bounds):
    assert parse_bounds(text) == bounds


def test_a_share_may_stand_among_bounds():
    assert parse_shares("0.2, :0.5,0.1:") == [(0.2, 0.2), (None, 0.5), (0.1, None)]


@pytest.mark.parametrize("text", ["0.2,0.5,0.3", "0.1:0.3,:0.5,0.2:", ":,:0.123456789,:"])
def test_shares_are_recorded_as_they_were_typed_and_read_again(text):
    recorded = TrainConfig(tv_volumes=text).completed().tv_volumes
    assert recorded == text and TrainConfig(tv_volumes=recorded).completed().tv_volumes == recorded


def test_lists_are_recorded_in_one_way():
    one = TrainConfig(tv_volumes="0.20, .5,3e-1", tv_weight_bounds="0.50 ,2.0").completed()
    assert (one.tv_volumes, one.tv_weight_bounds) == ("0.2,0.5,0.3", "0.5,2")


def test_options_of_relus_are_settings_of_a_run_without_a_tv_head(begin):
    plain, regular = begin("plain", head="softmax"), begin("regular", head="softmax", tv_relu=True)
    assert "tv_relu" not in plain.settings and "tv_iterations" not in plain.settings
    assert regular.settings["tv_relu"] and "tv_iterations" in regular.settings
    assert "tv_volumes" not in regular.settings


def test_every_option_that_is_younger_than_runs_is_tested_here():
    names = [field.name for field in fields(TrainConfig) if field.name in YOUNGER]
    assert names == YOUNGER and set(OPTIONS) <= set(YOUNGER)


@pytest.mark.slow
def test_run_from_before_these_options_goes_on_with_what_they_meant(trained, copy_of, tiny):
    def age(record):
        for name in YOUNGER:
            del record["config"][name]

    run = copy_of(trained["tv-softmax"], edit=age)
    with pytest.raises(InputError, match=r"another tv guide \(False, not True\)"):
        train("cells:20:32", run.path, tiny(epochs=4, tv_guide=True))
    longer = train("cells:20:32", run.path, tiny(epochs=4))
    whole = train("cells:20:32", run.path.parent / "whole", tiny(epochs=4))
    losses = [[row["loss"] for row in read_history(one.path)] for one in (longer, whole)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


@pytest.mark.slow
def test_all_options_together_train_resume_and_answer(tmp_path, tiny):
    options = {name: value for name, (value, _) in OPTIONS.items()}
    # The preconditioned method keeps no shares, and a head has one rule by which it stops.
    options |= {
        "tv_tolerance": None,
        "tv_method": "projected-gradient",
        "tv_guide": True,
        "tv_relu": True,
        "tv_iterations": 4,
        "tv_inference_iterations": 8,
    }
    config = tiny(epochs=1, steps_per_epoch=2, **options)
    train("cells:20:34", tmp_path / "run", config)
    run = train("cells:20:34", tmp_path / "run", replace(config, epochs=2))
    images = np.random.default_rng(0).random((2, 34, 34, 3), dtype=np.float32)
    answer = run.load_model()(images, training=False)
    np.testing.assert_allclose(np.mean(answer, axis=(1, 2)), [[0.2, 0.5, 0.3]] * 2, atol=1e-4)
    assert read_history(run.path)[-1]["tv_weight"] >= 0.5
