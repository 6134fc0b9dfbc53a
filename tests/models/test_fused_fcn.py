import keras
import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.models import build, stride_of

# The levels, counted from 0 at the image, at which encoder and decoder are joined.
SKIPS = {"fcn-16s": {3}, "fcn-8s": {2, 3}, "fcn-4s": {1, 2, 3}, "unet": {0, 1, 2, 3}}
FCNS = tuple(SKIPS)[:3]


def small(name, **options):
    keras.utils.set_random_seed(0)
    return build(name, 3, **{"base_width": 2, **options})


@pytest.mark.parametrize("name", FCNS)
@pytest.mark.parametrize("size", [(16, 32), (17, 31), (5, 3)])
def test_answers_at_the_image_size(name, size):
    assert small(name)(np.zeros((2, *size, 3), np.float32)).shape == (2, *size, 3)


@pytest.mark.parametrize(("name", "levels"), SKIPS.items())
def test_joins_encoder_and_decoder_at_its_levels_only(name, levels):
    model = small(name)
    joined = [layer for layer in model.layers if isinstance(layer, keras.layers.Concatenate)]
    assert {layer.name for layer in joined} == {f"up{level}_skip" for level in levels}


@pytest.mark.parametrize("name", FCNS)
def test_differs_from_unet_in_the_skips_only(name):
    def filters(model):
        return {layer.name: layer.filters for layer in model.layers if hasattr(layer, "filters")}

    assert filters(small(name)) == filters(small("unet"))


@pytest.mark.parametrize(
    ("name", "missing"), [("fcn-4s", (64,)), ("fcn-8s", (64, 128)), ("fcn-16s", (64, 128, 256))]
)
def test_has_the_parameters_of_unet_without_those_of_the_missing_skips(no_values, name, missing):
    # 31,030,658: see test_building.py. Without a skip a 3x3 convolution has w input channels instead of 2w.
    expected = 31_030_658 - sum(9 * width * width for width in missing)
    assert build(name, 2, 1, base_width=64).count_params() == expected


def test_deeper_network_has_the_skips_below_too():
    names = {layer.name for layer in small("fcn-16s", depth=5).layers}
    assert {"up3_skip", "up4_skip"} <= names and "up2_skip" not in names
    assert stride_of(small("fcn-16s", depth=5)) == 32


@pytest.mark.parametrize(("name", "least"), [("fcn-16s", 4), ("fcn-8s", 3), ("fcn-4s", 2)])
def test_depth_without_that_pooling_is_refused(name, least):
    assert stride_of(small(name, depth=least)) == 2**least
    with pytest.raises(InputError, match=f"has {least} poolings or more; got a depth of {least - 1}"):
        small(name, depth=least - 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FCNS, "res-unet"])
def test_saved_model_loads_with_the_same_answers(name, tmp_path):
    model, images = small(name, head="softmax"), np.random.default_rng(0).random((1, 17, 9, 3), np.float32)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.parametrize("name", FCNS)
@pytest.mark.parametrize("width", [2, 5])
def test_with_equal_parameters_it_has_those_of_unet(name, width):
    """ "even the same number of parameters as U-Net" (Lu and Tong, of FCN-16s)."""
    equal = small(name, base_width=width, equal_parameters=True)
    assert equal.count_params() == small("unet", base_width=width).count_params()


def test_one_more_convolution_stands_where_nothing_joins():
    names = {layer.name for layer in small("fcn-8s", equal_parameters=True).layers}
    assert {name for name in names if name.endswith("_conv0")} == {"up0_conv0", "up1_conv0"}
