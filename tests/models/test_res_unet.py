import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.models import build
from tfapp.models.unet import res_unet


@pytest.mark.parametrize("size", [(16, 32), (17, 31), (5, 3)])
def test_answers_at_the_image_size(size):
    model = build("res-unet", 3, base_width=2)
    assert model(np.zeros((2, *size, 3), np.float32)).shape == (2, *size, 3)


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("width", [2, 3, 8])
def test_has_the_parameters_of_unet_within_a_tenth(width, depth):
    counts = [
        build(name, 2, 1, base_width=width, depth=depth).count_params() for name in ("res-unet", "unet")
    ]
    assert abs(counts[0] / counts[1] - 1) < 0.1


def test_at_the_width_of_the_paper_it_has_the_parameters_of_unet_within_two_percent(no_values):
    # 31,030,658: see test_building.py.
    assert abs(build("res-unet", 2, 1, base_width=64).count_params() / 31_030_658 - 1) < 0.02


def test_lowest_level_is_slimmer_and_the_others_are_as_wide():
    def widths(name):
        layers = build(name, 3, base_width=4, depth=3).layers
        return {
            layer.name: layer.filters
            for layer in layers
            if layer.name.startswith(("down", "bottom", "up")) and hasattr(layer, "filters")
        }

    slim, wide = widths("res-unet"), widths("unet")
    assert {name for name in wide if slim[name] != wide[name]} == {"bottom_conv1", "bottom_conv2"}
    assert (slim["bottom_conv1"], wide["bottom_conv1"]) == (24, 32)


def features(model, images, names):
    return keras.Model(model.input, [model.get_layer(name).output for name in names])(images)


def test_skip_is_relu_of_features_and_two_convolutions():
    keras.utils.set_random_seed(0)
    model, images = build("res-unet", 3, base_width=2, depth=2), np.random.default_rng(0).random((1, 8, 8, 3))
    encoded, inner, residual, skipped = features(
        model, images, ("down1_conv2", "skip1_conv1", "skip1_conv2", "skip1_relu")
    )
    np.testing.assert_allclose(skipped, np.maximum(encoded + residual, 0), atol=1e-6)
    assert np.min(inner) == 0 and np.min(residual) < 0
    assert model.get_layer("up1_skip").input[0] is model.get_layer("skip1_relu").output


def test_with_residuals_of_zero_the_skips_are_those_of_unet():
    model, images = build("res-unet", 3, base_width=2, depth=2), np.random.default_rng(0).random((1, 8, 8, 3))
    for level in (0, 1):
        layer = model.get_layer(f"skip{level}_conv2")
        layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
        encoded, skipped = features(model, images, (f"down{level}_conv2", f"skip{level}_relu"))
        np.testing.assert_array_equal(encoded, skipped)


def module_names(model):
    return {layer.name.removesuffix("_add") for layer in model.layers if layer.name.endswith("_add")}


def test_modules_by_level_are_counted_from_the_image_down():
    model = res_unet(2, 1, base_width=2, depth=3, modules=(0, 1, 3))
    assert module_names(model) == {"skip1", "skip2", "skip2_2", "skip2_3"}
    assert model.get_layer("up2_skip").input[0] is model.get_layer("skip2_3_relu").output
    assert model.get_layer("up0_skip").input[0] is model.get_layer("down0_conv2").output


def test_without_any_module_it_is_a_unet():
    plain, wide = (
        res_unet(2, 1, base_width=2, modules=0, widths=(2, 4, 8, 16, 32)),
        build("unet", 2, 1, base_width=2),
    )
    assert plain.count_params() == wide.count_params() and not module_names(plain)


def test_widths_by_level_are_those_of_the_encoder_and_the_decoder():
    model = res_unet(2, 1, depth=2, widths=(3, 5, 7))
    filters = [
        model.get_layer(f"{level}_conv1").filters for level in ("down0", "down1", "bottom", "up1", "up0")
    ]
    assert filters == [3, 5, 7, 5, 3]


def test_by_default_there_is_one_module_at_each_level():
    assert module_names(res_unet(2, 1, base_width=2, depth=3)) == {"skip0", "skip1", "skip2"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"modules": (1, 2)},
            "`modules` must be 3 whole numbers of at least 0, from the image down; got 1,2",
        ),
        ({"modules": -1}, "`modules` must be 3 whole numbers of at least 0, .* got -1,-1,-1"),
        ({"widths": (4, 8, 16, 0)}, "`widths` must be 4 whole numbers of at least 1, .* got 4,8,16,0"),
    ],
)
def test_other_numbers_of_modules_and_widths_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        res_unet(2, 1, base_width=2, depth=3, **options)
