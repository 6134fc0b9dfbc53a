import keras
import numpy as np
import pytest

from tfapp.data import resize_images
from tfapp.errors import InputError
from tfapp.layers import TVSoftmax
from tfapp.models import MODELS, TITLES, at_own_size, build, logits_of, stride_of, tv_head
from tfapp.segmentation.run import Run


def small(head=None, **options):
    keras.utils.set_random_seed(0)
    return build("unet", 3, head=head, **{"base_width": 4, "depth": 2, **options})


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (5, 3)])
def test_unet_answers_at_the_image_size(size):
    assert small()(np.zeros((2, *size, 3), np.float32)).shape == (2, *size, 3)


def test_unet_of_the_paper_has_the_known_number_of_parameters(no_values):
    # Ronneberger's widths 64..1024, 1 input channel, 2 classes: 31,030,658 weights and biases with
    # 2x2 up-convolutions (9 * in * out + out for each of the 18 convolutions, and so on).
    widths = [64, 128, 256, 512, 1024]
    convolutions = [(1, 64), (64, 64)] + [
        p for a, b in zip(widths, widths[1:], strict=False) for p in [(a, b), (b, b)]
    ]
    convolutions += [p for w in widths[3::-1] for p in [(2 * w, w), (w, w)]]
    expected = sum(9 * i * o + o for i, o in convolutions)
    expected += sum(4 * 2 * w * w + w for w in widths[:4]) + 64 * 2 + 2
    assert build("unet", 2, 1, base_width=64, depth=4).count_params() == expected == 31_030_658


@pytest.mark.parametrize("name", [name for name in MODELS if name != "segnet"])
def test_batch_normalisation_stands_before_every_relu_where_it_is_asked_for(no_values, name):
    options = {"depth": 5} if name == "fcn-32s" else {"depth": 4}
    model = build(name, 3, base_width=2, batch_norm=True, **options)
    relus = [layer for layer in model.layers if isinstance(layer, keras.layers.ReLU)]
    before = [layer._inbound_nodes[0].input_tensors[0]._keras_history.operation for layer in relus]
    # The sum of a residual module has normalised what it adds to x.
    normalised = (keras.layers.BatchNormalization, keras.layers.Add)
    assert relus and all(isinstance(layer, normalised) for layer in before)
    with_relu = [one for one in model.layers if getattr(one, "activation", None) is keras.activations.relu]
    assert not with_relu


def test_tv_relus_and_the_last_activation_follow_batch_normalisation():
    last = keras.layers.Activation("tanh", name="last")
    model = small(batch_norm=True, relu=lambda name: keras.layers.LeakyReLU(name=name), last_activation=last)
    names = [layer.name for layer in model.layers]
    assert names.index("up0_conv2_norm") == names.index("last") - 1
    assert sum(isinstance(layer, keras.layers.LeakyReLU) for layer in model.layers) == 9


def test_unet_has_the_depth_asked_for():
    assert stride_of(small(depth=3)) == 8


def test_softmax_head_gives_probabilities_of_the_logits():
    model, images = small("softmax"), np.random.default_rng(0).random((1, 16, 16, 3), dtype=np.float32)
    expected = keras.ops.softmax(logits_of(model)(images))
    np.testing.assert_allclose(model(images), expected, atol=1e-6)


def test_tv_head_takes_its_options():
    head = tv_head(
        build("unet", 3, head="tv-softmax", head_options={"tv_weight": 2.0}, base_width=4, depth=1)
    )
    assert isinstance(head, TVSoftmax) and head.tv_weight == 2.0
    assert tv_head(small("softmax")) is None


def test_tv_head_sees_the_image_without_its_padding():
    # Mirrored padding would lengthen the borders that the total variation counts.
    model, images = small("tv-softmax"), np.random.default_rng(0).random((1, 9, 9, 3), dtype=np.float32)
    expected = tv_head(model)(logits_of(model)(images), training=False)
    np.testing.assert_allclose(model(images, training=False), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "plain", "regular"),
    [
        ("unet", "Unet", "RUnet"),
        ("segnet", "Segnet", "RSegnet"),
        ("fcn-32s", "FCN-32s", "RFCN-32s"),
        ("fcn-16s", "FCN-16s", "RFCN-16s"),
        ("res-unet", "ResUnet", "RResUnet"),
    ],
)
def test_runs_have_the_title_of_the_papers(model, plain, regular):
    heads = ("softmax", "tv-softmax", "identity")
    titles = [Run("run", {"config": {"model": model, "head": head}}).title for head in heads]
    assert titles == [plain, regular, plain]


def test_every_model_has_a_title():
    assert set(TITLES) == set(MODELS)


@pytest.mark.parametrize(("name", "head"), [("vnet", None), ("unet", "argmax")])
def test_unknown_names_list_the_known_ones(name, head):
    with pytest.raises(InputError, match=r"Unknown (model|head) .* choose one of:"):
        build(name, 3, head=head)


def test_segmenter_at_own_size_resizes_there_and_back():
    model = small("softmax")
    images = np.random.default_rng(0).random((2, 30, 50, 3), dtype=np.float32)
    output = at_own_size(model, (16, 24))(images)
    assert output.shape == (2, 30, 50, 3)
    np.testing.assert_allclose(np.sum(output, -1), 1, atol=1e-5)
    inside = keras.ops.image.resize(model(resize_images(images, (16, 24))), (30, 50))
    np.testing.assert_allclose(output, inside, atol=1e-5)


def test_segmenter_without_resizing_is_the_model_itself():
    model = small("softmax")
    assert at_own_size(model, None) is model


@pytest.mark.slow
def test_saved_segmenter_loads_with_the_same_answers(tmp_path):
    model, images = small("tv-softmax"), np.random.default_rng(0).random((1, 11, 13, 3), dtype=np.float32)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))
