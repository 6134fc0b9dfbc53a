import keras
import pytest
import tensorflow as tf
from keras import layers

from tfapp.layers import PadToStride, TVSoftmax
from tfapp.models import build
from tfapp.models.layer_windows import NoMargin
from tfapp.models.reach import Reach, reach_of


class Own(layers.Conv2D):
    """A layer that may do anything."""


def network(*steps, size=(None, None)):
    images = x = keras.Input((*size, 3))
    for step in steps:
        x = step(x)
    return keras.Model(images, x)


def test_margin_of_one_convolution_is_half_of_its_kernel():
    assert reach_of(network(layers.Conv2D(2, 7, padding="same"))) == Reach(3, 1)


def test_margin_is_that_of_the_longer_side_of_a_kernel_and_its_dilation():
    assert reach_of(network(layers.Conv2D(2, (3, 5), padding="same", dilation_rate=2))).margin == 4


def test_margins_of_convolutions_add_up_along_the_longest_path():
    images = keras.Input((None, None, 3))
    far = layers.Conv2D(2, 5, padding="same")(layers.Conv2D(2, 5, padding="same")(images))
    near = layers.Conv2D(2, 3, padding="same")(images)
    assert reach_of(keras.Model(images, layers.Add()([far, near]))).margin == 4


def test_margin_of_a_network_without_neighbours_is_nothing():
    assert reach_of(network(layers.Conv2D(2, 1), layers.ReLU(), layers.Softmax())) == Reach(0, 1)


def test_margin_is_a_multiple_of_the_stride():
    # Pooled pixel i reads pixels 2 i and 2 i + 1, the convolution its neighbours: 2 pixels beyond an even border.
    halved = network(
        PadToStride(2),
        layers.MaxPooling2D(),
        layers.Conv2D(2, 3, padding="same"),
        layers.UpSampling2D(),
    )
    assert reach_of(halved) == Reach(2, 2)


def test_iterations_of_a_tv_head_are_pixels():
    head = TVSoftmax(inference_iterations=37)
    assert reach_of(network(layers.Conv2D(2, 3, padding="same"), head)).margin == 38


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, depth, margin", [("unet", 4, 96), ("unet", 2, 24), ("res-unet", 3, 48), ("segnet", 3, 48)]
)
def test_margins_of_own_networks(name, depth, margin):
    # 96 is what was measured for U-Net: 0 of 3,008,000 labels differed, with 64 545 did.
    model = build(name, 2, base_width=2, depth=depth, head="softmax")
    assert reach_of(model) == Reach(margin, 2**depth)


@pytest.mark.parametrize(
    "step, words",
    [
        (layers.UnitNormalization(axis=1), "normalises by statistics of the image"),
        (layers.GroupNormalization(1), "normalises by statistics of the image"),
        (layers.Softmax(axis=1), "works along the rows, the columns or the batch"),
        (layers.Resizing(8, 8), "brings every image to one size"),
    ],
)
def test_layers_that_see_the_whole_image_are_refused_by_name(step, words):
    with pytest.raises(NoMargin, match=words) as refused:
        reach_of(network(step))
    assert refused.value.whole and step.name in str(refused.value)


@pytest.mark.parametrize(
    "step",
    [
        lambda x: x - keras.ops.average(x),
        lambda x: x / keras.ops.max(x),
        layers.Conv2D(2, 1, activation=tf.math.l2_normalize),
        layers.Activation(tf.math.cumsum),
    ],
    ids=["average", "max", "l2_normalize", "cumsum"],
)
def test_what_is_called_as_something_that_works_pixel_by_pixel_is_tried(step):
    with pytest.raises(
        NoMargin, match="looks at other pixels too|the rows, the columns or the batch"
    ) as refused:
        reach_of(network(layers.Conv2D(2, 3, padding="same"), step))
    assert refused.value.whole


@pytest.mark.parametrize(
    "step",
    [
        lambda x: layers.Average()([x, x]),
        lambda x: keras.ops.power(keras.ops.log1p(x), 2),
        layers.Dropout(0.5),
        layers.Activation("gelu"),
        layers.Conv2D(2, 1, activation="softmax"),
    ],
    ids=["Average", "power", "Dropout", "gelu", "softmax"],
)
def test_what_works_pixel_by_pixel_needs_no_margin(step):
    assert reach_of(network(step)).margin == 0


def test_network_of_one_size_is_refused():
    with pytest.raises(NoMargin, match="takes images of one size"):
        reach_of(network(layers.PReLU(), size=(8, 8)))


def test_global_pooling_is_refused_wherever_it_is():
    images = keras.Input((None, None, 3))
    scale = layers.GlobalAveragePooling2D(keepdims=True)(images)
    with pytest.raises(NoMargin, match="looks at the whole image at once, .* use `tile` off"):
        reach_of(keras.Model(images, layers.Multiply()([images, scale])))


@pytest.mark.parametrize(
    "step",
    [
        layers.Lambda(lambda x: x),
        Own(2, 3, padding="same"),
        layers.Conv2D(2, 1, activation=lambda x: x),
        layers.UpSampling2D(interpolation="bicubic"),
        TVSoftmax(tolerance=1e-3),
        TVSoftmax(method="preconditioned-fista"),
    ],
)
def test_what_is_not_known_asks_for_a_margin(step):
    with pytest.raises(NoMargin, match="say by `margin` how many pixels") as refused:
        reach_of(network(step))
    assert not refused.value.whole


def test_halving_without_mirroring_up_to_the_stride_is_refused():
    with pytest.raises(NoMargin, match=r"scales down to 1/2 but mirrors its images up to a multiple of 1"):
        reach_of(network(layers.MaxPooling2D(), layers.UpSampling2D()))


def test_answer_of_another_size_is_refused():
    with pytest.raises(NoMargin, match="has not the size of the image"):
        reach_of(network(layers.Conv2D(2, 3)))
