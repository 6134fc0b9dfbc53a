import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.segmentation.keras_file import KerasFile

layers = keras.layers


class Unknown(layers.Layer):
    def call(self, x):
        return x


@pytest.fixture
def saved(tmp_path):
    """Return a function that saves a convolution with some layers behind it and returns the path."""

    def save(*ends, shape=(None, None, 3), classes=3, name="own", **options):
        inputs = keras.Input(shape)
        x = layers.Conv2D(classes, 3, padding="same", **options)(inputs)
        for end in ends:
            x = end(x)
        keras.Model(inputs, x).save(tmp_path / f"{name}.keras")
        return tmp_path / f"{name}.keras"

    return save


def images(height, width, channels=3):
    return np.random.default_rng(0).uniform(size=(2, height, width, channels)).astype(np.float32)


def test_file_says_what_it_takes_and_gives(saved):
    file = KerasFile(saved(activation="softmax", name="my net"))
    assert (file.title, file.channels, file.num_classes, file.stride) == ("my net", 3, 3, 1)
    assert file.framing.resize is None and not file.has_tv_head


def test_network_gives_the_probabilities_of_the_model(saved):
    path = saved(activation="softmax")
    expected = keras.models.load_model(path)(images(7, 9))
    np.testing.assert_allclose(KerasFile(path).network()(images(7, 9)), expected, atol=1e-6)


def test_network_turns_logits_into_probabilities(saved):
    path = saved()
    expected = keras.ops.softmax(keras.models.load_model(path)(images(7, 9)))
    np.testing.assert_allclose(KerasFile(path).network()(images(7, 9)), expected, atol=1e-6)


def test_what_the_structure_does_not_tell_can_be_said(saved):
    path = saved(layers.ReLU())
    expected = keras.ops.softmax(keras.models.load_model(path)(images(7, 9)))
    np.testing.assert_allclose(KerasFile(path, output="logits").network()(images(7, 9)), expected, atol=1e-6)


def test_one_sigmoid_has_two_classes(saved):
    assert KerasFile(saved(classes=1, activation="sigmoid")).num_classes == 2


def test_fixed_size_is_resized_to(saved):
    file = KerasFile(saved(shape=(8, 12, 1), activation="softmax"))
    assert file.framing.resize == (8, 12)
    assert file.segmenter()(images(9, 7, channels=1)).shape == (2, 9, 7, 3)


def test_segmenter_with_gap_gives_one_number_per_image(saved):
    probabilities, gap = KerasFile(saved(shape=(8, 12, 3))).segmenter(1.0, gap=True)(images(9, 7))
    assert probabilities.shape == (2, 9, 7, 3) and gap.shape == (2,)


def test_tv_head_in_the_file_is_found(saved):
    from tfapp.layers import TVSoftmax

    assert KerasFile(saved(TVSoftmax())).has_tv_head


def test_file_is_never_written_to(saved):
    path = saved()
    before = path.read_bytes()
    KerasFile(path, input_scale=255).segmenter(1.0)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("ends", "options", "sentence"),
    [
        ((layers.Lambda(lambda x: x),), {}, "has a Lambda layer, whose code is not run from a file"),
        ((Unknown(),), {}, "needs the class Unknown, which is not known here"),
        ((layers.GlobalAveragePooling2D(),), {}, r"answers \(None, 3\); expected one answer"),
        ((layers.ReLU(),), {}, "do not tell whether it gives logits or probabilities"),
        ((), {"shape": (None, None, 4)}, r"takes \(None, None, None, 4\); expected a model of one image"),
    ],
)
def test_model_that_cannot_be_used_is_one_sentence(saved, ends, options, sentence):
    with pytest.raises(InputError, match=sentence):
        KerasFile(saved(*ends, **options))


def test_model_of_several_answers_is_refused_with_the_way_to_one(tmp_path):
    images = keras.Input((None, None, 3))
    keras.Model(images, [layers.Conv2D(2, 1)(images), layers.Conv2D(3, 1)(images)]).save(
        tmp_path / "two.keras"
    )
    with pytest.raises(InputError, match="expected one answer .*: save one of them by keras.Model"):
        KerasFile(tmp_path / "two.keras")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "does not exist; expected a .keras file"),
        (b"", "is empty, damaged or not"),
        (b"h5", "is empty, damaged"),
    ],
)
def test_file_that_is_no_model_is_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "model.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        KerasFile(path)


def test_archive_without_a_model_is_one_sentence(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("notes.txt", "nothing")
    with pytest.raises(InputError, match="model.keras cannot be loaded: it is damaged, or of another Keras"):
        KerasFile(tmp_path / "model.keras")


@pytest.fixture
def taking_255(tmp_path):
    """Return a function that saves a model of images in 0..255 and returns the path and the model."""

    def save(dtype):
        inputs = keras.Input((None, None, 3), dtype=dtype)
        scaled = layers.Rescaling(1 / 255)(inputs)
        model = keras.Model(inputs, layers.Conv2D(4, 3, padding="same", activation="softmax")(scaled))
        model.save(tmp_path / "own.keras")
        return tmp_path / "own.keras", model

    return save


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_model_of_8_bit_images_gets_these_without_being_told(taking_255, dtype):
    path, model = taking_255(dtype)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    got = KerasFile(path).segmenter()(pixels.astype(np.float32) / 255)
    np.testing.assert_allclose(got, model(pixels.astype(dtype)), atol=1e-6)


def test_chosen_scale_is_told(taking_255):
    path, _ = taking_255("uint8")
    assert KerasFile(path).scale_sentence == f"{path} gets images with 255 for white: its input is uint8."


def test_scale_that_contradicts_the_model_is_taken_with_a_warning(taking_255):
    with pytest.warns(
        UserWarning, match="seems to take 255 for white .* comes first.*`input_scale` 1 is used"
    ):
        assert KerasFile(taking_255("float32")[0], input_scale=1.0).input_scale == 1.0


def test_scale_of_a_model_that_declares_nothing_is_1(saved):
    assert KerasFile(saved()).input_scale == 1.0


def test_foreground_of_a_softmax_of_two_is_its_probability(saved):
    path = saved(layers.Softmax(), lambda x: x[..., 1:], classes=2)
    expected = keras.models.load_model(path)(images(7, 9))[..., 0]
    got = KerasFile(path, output="probabilities").segmenter()(images(7, 9))
    np.testing.assert_allclose(got, np.stack([1 - expected, expected], -1), atol=1e-6)


@pytest.mark.parametrize(
    ("ends", "classes", "sentence"),
    [
        ((layers.Softmax(), lambda x: x[..., 1:]), 2, "do not tell .* `model_output` logits or"),
        (
            (layers.Softmax(), layers.ZeroPadding2D(1)),
            3,
            "seems to end in a softmax, but its answer .* differs by",
        ),
        ((layers.Softmax(),), 1, "cannot be used as a segmenter: .* softmax over one channel"),
    ],
)
def test_model_that_is_not_what_it_seems_is_one_sentence(saved, ends, classes, sentence):
    with pytest.raises(InputError, match=sentence):
        KerasFile(saved(*ends, classes=classes))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_scale_must_be_above_0(saved, scale):
    with pytest.raises(InputError, match="`input_scale` must be a number above 0"):
        KerasFile(saved(), input_scale=scale)


@pytest.mark.slow
def test_another_size_than_the_fixed_one_is_refused(saved):
    with pytest.raises(InputError, match="takes images of 12x8 pixels only.* leave out `resize`"):
        KerasFile(saved(shape=(8, 12, 3)), resize=(16, 16))


def middle(size, **options):
    """Return a model that marks what is white in the pixel in the middle of its kernel, without padding."""
    side = options.get("kernel", 1)
    inputs = keras.Input((size, size, 3))
    x = inputs
    for layer in options.get("first", ()):
        x = layer(x)
    convolution = layers.Conv2D(2, side)
    model = keras.Model(inputs, layers.Softmax()(convolution(x)))
    kernel = np.zeros((side, side, 3, 2), "f4")
    kernel[side // 2, side // 2] = [-10, 10]
    convolution.set_weights([kernel, np.array([15, -15], "f4")])
    return model


@pytest.mark.parametrize(
    ("size", "options", "sentence"),
    [
        (
            64,
            {"kernel": 3},
            "answers for the middle 62x62 of 64x64 pixels alone; expected an answer for each",
        ),
        (64, {"kernel": 21}, "answers for the middle 44x44 of 64x64 pixels alone"),
        (64, {"kernel": 33}, "answers for the middle 32x32 of 64x64 pixels alone"),
        (64, {"first": [layers.CenterCrop(32, 32)]}, "answers for the middle 32x32 of 64x64 pixels alone"),
        (None, {"first": [layers.CenterCrop(32, 32)]}, "answers for the middle 32x32 of 96x64 pixels alone"),
        (None, {"first": [layers.Cropping2D(8)]}, r"takes no image of up to 640x640 pixels \(it answers"),
    ],
)
def test_answer_for_a_part_of_the_image_is_not_laid_over_all_of_it(tmp_path, size, options, sentence):
    middle(size, **options).save(tmp_path / "own.keras")
    with pytest.raises(InputError, match=sentence):
        KerasFile(tmp_path / "own.keras")


def test_answer_of_a_convolution_with_padding_is_where_the_image_has_it(tmp_path):
    inputs = keras.Input((64, 64, 3))
    pooled = layers.AveragePooling2D(2)(layers.ZeroPadding2D(1)(inputs))
    keras.Model(inputs, layers.Conv2D(2, 2, activation="softmax")(pooled)).save(tmp_path / "own.keras")
    model = keras.models.load_model(tmp_path / "own.keras")
    # 64 pixels, padded to 66, pooled to 33, and 32 by a kernel of two: each place two pixels, as it should be.
    assert model.output_shape[1:3] == (32, 32)
    assert KerasFile(tmp_path / "own.keras").num_classes == 2


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_network_that_enlarges_by_interpolation_takes_images_of_any_size(tmp_path, interpolation):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same")(inputs)
    x = layers.UpSampling2D(2, interpolation=interpolation)(x)
    model = keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax")(x))
    model.save(tmp_path / "own.keras")
    file = KerasFile(tmp_path / "own.keras")
    assert file.stride == 2
    network = file.network()
    in_a_graph = tf.function(network, [tf.TensorSpec((None, None, None, 3))], autograph=False)
    np.testing.assert_allclose(in_a_graph(images(8, 14)), model(images(8, 14)), atol=1e-6)
