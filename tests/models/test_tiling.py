import keras
import numpy as np
import pytest
from keras import layers

from tfapp.data.windows import ArrayWindows, mirrored_window
from tfapp.errors import InputError
from tfapp.layers import PadToStride, TVSoftmax
from tfapp.models import build, fitted
from tfapp.models.tiling import TiledNetwork, Tiling
from tfapp.runs.progress import SILENT


def with_random_weights(model, seed=0):
    """Give every kernel and bias large random values, so that far pixels count."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if len(weight.shape) > 1:
            weight.assign(rng.normal(size=weight.shape) * np.sqrt(2 / np.prod(weight.shape[:-1])))
        elif "bias" in weight.path:
            weight.assign(rng.normal(size=weight.shape) * 0.1)
    return model


def image(height, width):
    return np.random.default_rng([height, width]).random((height, width, 3), np.float32)


def compare(model, size, tile, margin=None):
    """Return the answers (height, width, classes) of a network by tiles and whole."""
    tiled = TiledNetwork(model, 3, tile, margin)
    assert tiled.tiling(size).count(size) > 1
    picture = image(*size)
    return tiled.joined(picture, SILENT), np.asarray(tiled.whole(picture))


def assert_same(model, size, tile):
    by_tiles, whole = compare(model, size, tile)
    # To rounding: a library may add up in another order where an image has another size.
    np.testing.assert_allclose(by_tiles, whole, atol=2e-6)
    np.testing.assert_array_equal(by_tiles.argmax(-1), whole.argmax(-1))


def test_unet_answers_tiles_as_the_whole_image():
    unet = with_random_weights(build("unet", 3, base_width=2, depth=2, head="softmax"))
    assert_same(unet, (37, 67), 56)


def test_margin_that_is_a_stride_smaller_gives_other_answers_and_is_told():
    unet = with_random_weights(build("unet", 3, base_width=2, depth=2, head="softmax"))
    by_tiles, whole = compare(unet, (37, 67), 48, margin=20)
    assert np.abs(by_tiles - whole).max() > 1e-4
    sentence, is_inexact = TiledNetwork(unet, 3, 48, 20).remark((37, 67))
    assert "`margin` of 20 pixels" in sentence and sentence.endswith("the network needs 24.") and is_inexact


@pytest.mark.slow
@pytest.mark.parametrize("size", [(53, 97), (120, 61), (64, 128)])
@pytest.mark.parametrize(
    "name, depth",
    [("unet", 1), ("unet", 3), ("res-unet", 2), ("fcn-4s", 3), ("fcn-8s", 3), ("segnet", 2), ("segnet", 3)],
)
def test_own_networks_answer_tiles_as_the_whole_image(name, depth, size):
    model = with_random_weights(build(name, 3, base_width=2, depth=depth, head="softmax"))
    margin, stride = TiledNetwork(model, 3)._tiling[1:3]
    assert_same(model, (size[0], size[1] + 2 * margin), 2 * margin + stride)


@pytest.mark.slow
def test_fcn_32s_answers_tiles_as_the_whole_image():
    model = with_random_weights(build("fcn-32s", 3, base_width=1, head="softmax"))
    assert_same(model, (75, 650), 512)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"isotropic": False}, {"method": "projected-gradient"}])
def test_tv_head_of_so_many_iterations_answers_tiles_as_the_whole_image(options):
    options = {"tv_weight": 3.0, "inference_iterations": 9, **options}
    model = build("unet", 3, base_width=2, depth=2, head="tv-softmax", head_options=options)
    with_random_weights(model)
    # Of 37 rows and 101 columns the network sees 40 and 104, the total variation ends at the image.
    assert_same(model, (37, 101), 72)


def strided(x):
    x = layers.Conv2D(4, 5, strides=2, padding="same", activation="relu")(x)
    return layers.Conv2DTranspose(3, 4, strides=2, padding="same")(x)


def interpolated(x):
    """Answer at every fourth pixel, between which `fitted` interpolates."""
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.AveragePooling2D(4)(x))
    return layers.Conv2D(3, 3, padding="same")(x)


def padded(x):
    x = layers.Conv2D(4, 5, activation="relu")(layers.ZeroPadding2D(2)(x))
    return layers.Conv2D(3, 3)(layers.ZeroPadding2D(((1, 1), (2, 0)))(x))


def pooled_with_overlap(x):
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    return layers.UpSampling2D(2)(layers.SeparableConv2D(3, 3, padding="same")(x))


def of_several_kinds(x):
    inner = keras.Sequential([keras.Input((None, None, 3)), layers.DepthwiseConv2D(3, padding="same")])
    x = layers.Conv2D(3, 3, padding="same", dilation_rate=3)(inner(x))
    return layers.LayerNormalization()(keras.ops.relu(x) * 2.0)


@pytest.mark.slow
@pytest.mark.parametrize("body", [strided, interpolated, padded, pooled_with_overlap, of_several_kinds])
@pytest.mark.parametrize("size", [(43, 93), (48, 96)])
def test_networks_of_other_people_answer_tiles_as_the_whole_image(body, size):
    images = keras.Input((None, None, 3))
    model = keras.Model(images, layers.Softmax()(body(images)))
    stride = 4 if body is interpolated else 2 if body in (strided, pooled_with_overlap) else 1
    assert_same(with_random_weights(fitted(model, 3, None, stride)), size, 36)


def test_mirrored_parts_are_those_of_the_padded_image():
    picture = image(7, 10)
    whole = np.asarray(PadToStride(8)(picture[None]))[0]
    # One row is missing, which comes behind; of the six columns three come before.
    found = mirrored_window(ArrayWindows(picture), 0, 8, -3, 13)
    np.testing.assert_array_equal(found, whole)


def test_every_pixel_of_an_image_is_used_once():
    for length in (1, 7, 64, 65, 99):
        used = [span.used for span in Tiling(24, 4, 8).spans(length)]
        assert [begin for begin, _ in used] == [0, *(end for _, end in used[:-1])] and used[-1][1] == length


def plain():
    images = keras.Input((None, None, 3))
    return keras.Model(images, layers.Conv2D(2, 9, padding="same")(images))


@pytest.mark.parametrize("tile, least", [(8, 9), (3, 9)])
def test_tile_that_holds_nothing_but_margins_is_refused_with_the_least_that_does(tile, least):
    with pytest.raises(InputError, match=f"`tile` {tile} is too small: .* margin of 4 .* at least {least},"):
        TiledNetwork(plain(), 3, tile)


@pytest.mark.parametrize("tile", ["large", "-1", "0", 1.5, ""])
def test_other_tiles_are_refused(tile):
    with pytest.raises(InputError, match="`tile` must be auto, off or a number of pixels of at least 1; got"):
        TiledNetwork(plain(), 3, tile)


def test_auto_cuts_images_of_more_than_four_megapixels_only():
    tiled = TiledNetwork(plain(), 3)
    assert tiled.tiling((2048, 2048)) is None
    assert tiled.tiling((2048, 2049)) == Tiling(1024, 4, 1)
    assert TiledNetwork(plain(), 3, "off").tiling((9000, 12000)) is None


def test_auto_leaves_whole_what_cannot_be_cut_and_says_why():
    images = keras.Input((None, None, 3))
    model = keras.Model(images, layers.GroupNormalization(1)(images))
    tiled = TiledNetwork(model, 3)
    assert tiled.tiling((9000, 12000)) is None
    sentence, is_inexact = tiled.remark((9000, 12000))
    assert "go through the network whole, whatever their size. Layer group_normalization" in sentence
    assert not is_inexact and tiled.remark((2048, 2048)) is None
    with pytest.raises(InputError, match="normalises by statistics of the image"):
        TiledNetwork(model, 3, 512)


def test_margin_that_is_too_dear_is_told_and_not_taken():
    images = keras.Input((None, None, 3))
    logits = layers.Conv2D(2, 1)(images)
    model = keras.Model(images, TVSoftmax(inference_iterations=1000)(logits))
    assert "looks so far around a pixel, 1000 pixels" in TiledNetwork(model, 3).remark((2048, 2049)).sentence


def test_margin_of_ones_own_answers_for_what_is_not_known():
    images = keras.Input((None, None, 3))
    model = keras.Model(images, TVSoftmax(tolerance=1e-3)(layers.Conv2D(2, 3, padding="same")(images)))
    tiled = TiledNetwork(model, 3, 64, 16)
    assert tiled.tiling((65, 65)) == Tiling(64, 16, 1, 15)
    assert (
        "tiles are solved one by one, and labels at their edges may differ" in tiled.remark((65, 65)).sentence
    )


@pytest.mark.parametrize("tile", ["auto", "off", 48])
def test_image_that_is_not_cut_has_no_remark_whatever_the_margin(tile):
    unet = build("unet", 3, base_width=2, depth=2, head="softmax")
    assert TiledNetwork(unet, 3, tile, 20).remark((48, 48)) is None


def test_margin_that_is_enough_is_no_remark():
    assert TiledNetwork(plain(), 3, 32, 4).remark((64, 64)) is None


def test_whole_images_are_exact_whatever_the_margin_where_nothing_can_be_cut():
    images = keras.Input((None, None, 3))
    model = keras.Model(images, layers.GroupNormalization(1)(images))
    assert not TiledNetwork(model, 3, "auto", 8).remark((9000, 12000)).is_inexact
