import keras
import numpy as np
import pytest
import tensorflow as tf
from segmenters import images, nested, segmenter

from tfapp.layers import CropLike, PadToStride, TVSigmoid, TVSoftmax, regularise, with_gap
from tfapp.layers.tv.attach import ProbabilityLogits, model_logits, shared_copy

layers = keras.layers


def scores(model, x):
    """What the convolution of `segmenter` computes before its activation, by tf.nn."""
    kernel, bias = model.get_layer("scores").get_weights()
    return tf.nn.conv2d(x, kernel, 1, "SAME") + bias


def in_sequence(*ends):
    return keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(3, 1), *ends])


def averaged_softmaxes():
    inputs = keras.Input((None, None, 3))
    members = [layers.Conv2D(3, 1, activation="softmax")(inputs) for _ in range(2)]
    return keras.Model(inputs, layers.Average()(members))


class Subclassed(keras.Model):
    def __init__(self, activation=None):
        super().__init__()
        self.convolution = layers.Conv2D(3, 1, activation=activation)

    def call(self, x):
        return self.convolution(x)


def subclassed(activation=None):
    model = Subclassed(activation)
    model(images())
    return model


def without_weight(model, **options):
    """The model with a TV head of lambda 0, whose solution needs no iterations."""
    return regularise(model, 0.0, inference_iterations=1, **options)


PROBABILITY_MODELS = {
    "softmax layer": lambda: segmenter(layers.Softmax()),
    "activation layer": lambda: segmenter(layers.Activation("softmax")),
    "activated convolution": lambda: segmenter(activation="softmax"),
    "activated transposed convolution": lambda: segmenter(
        layers.Conv2DTranspose(4, 2, strides=2, activation="softmax")
    ),
    "activated dense layer": lambda: segmenter(layers.Dense(3, activation="softmax")),
    "softmax operation": lambda: segmenter(keras.ops.softmax),
    "one sigmoid": lambda: segmenter(classes=1, activation="sigmoid"),
    "several sigmoids": lambda: segmenter(layers.Activation("sigmoid")),
    "sequential": lambda: in_sequence(layers.Softmax()),
    "sequential inside": lambda: nested(in_sequence(layers.Conv2D(2, 1, activation="softmax"))),
    "model inside a model": lambda: nested(nested(segmenter(activation="softmax"))),
    "cast at the end": lambda: segmenter(
        layers.Softmax(), layers.Activation("linear", dtype="float32"), layers.Identity()
    ),
    "resized softmax": lambda: segmenter(layers.Softmax(), layers.UpSampling2D(2, interpolation="bilinear")),
    "padded sigmoid": lambda: segmenter(layers.Activation("sigmoid"), layers.ZeroPadding2D(1), classes=1),
    "cropped sigmoid": lambda: segmenter(layers.Activation("sigmoid"), layers.Cropping2D(1), classes=1),
    "resized by an operation": lambda: segmenter(
        layers.Softmax(), lambda x: keras.ops.image.resize(x, (5, 7))
    ),
    "average": averaged_softmaxes,
    "resized inside a model": lambda: nested(segmenter(layers.Softmax(), layers.UpSampling2D(2))),
}
LOGIT_MODELS = {
    "convolution": segmenter,
    "convolution cast to float32": lambda: segmenter(layers.Activation("linear", dtype="float32")),
    "resized": lambda: segmenter(layers.Resizing(6, 6)),
    "padded and cropped": lambda: segmenter(lambda x: CropLike()([PadToStride(1)(x), x])),
    "normalised": lambda: segmenter(layers.BatchNormalization()),
    "sum": lambda: segmenter(lambda x: layers.Add()([x, layers.Conv2D(3, 1)(x)])),
    "sequential": in_sequence,
    "model inside a model": lambda: nested(segmenter()),
}


@pytest.mark.parametrize("name", PROBABILITY_MODELS)
def test_without_weight_the_probabilities_are_those_of_the_model(name):
    model = PROBABILITY_MODELS[name]()
    np.testing.assert_allclose(without_weight(model)(images()), model(images()), atol=1e-6)


@pytest.mark.parametrize("name", LOGIT_MODELS)
def test_without_weight_the_probabilities_are_the_softmax_of_the_logits(name):
    model = LOGIT_MODELS[name]()
    expected = tf.nn.softmax(model(images()))
    np.testing.assert_allclose(without_weight(model)(images()), expected, atol=1e-6)


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_result_is_the_tv_softmax_of_the_scores(activation):
    model = segmenter(activation=activation)
    expected = TVSoftmax(1.5, learn_tv_weight=False, inference_iterations=20)(scores(model, images()))
    np.testing.assert_allclose(regularise(model, 1.5, inference_iterations=20)(images()), expected, atol=1e-6)


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_one_channel_gets_the_tv_sigmoid(activation):
    model = segmenter(classes=1, activation=activation)
    expected = TVSigmoid(1.5, learn_tv_weight=False, inference_iterations=20)(scores(model, images()))
    np.testing.assert_allclose(regularise(model, 1.5, inference_iterations=20)(images()), expected, atol=1e-6)


def test_several_sigmoids_stay_several_sigmoids():
    assert model_logits(segmenter(activation="sigmoid")).activation == "sigmoid"


def test_confident_logits_do_not_pass_through_their_probabilities():
    model = segmenter(activation="softmax")
    model.get_layer("scores").set_weights([np.zeros((3, 3, 3, 3)), np.array([200.0, 0.0, -200.0])])
    _, logits, _ = model_logits(model)
    assert keras.Model(model.input, logits)(images())[0, 0, 0].numpy().tolist() == [200.0, 0.0, -200.0]


@pytest.mark.parametrize("name", ["activated convolution", "softmax layer", "model inside a model"])
def test_variables_are_the_very_same(name):
    model = PROBABILITY_MODELS[name]()
    assert [id(v) for v in regularise(model).variables] == [id(v) for v in model.variables]


def test_the_model_stays_as_it_is():
    model = segmenter(activation="softmax")
    before = model.to_json(), model(images()).numpy()
    regularise(model)
    assert model.to_json() == before[0]
    np.testing.assert_array_equal(model(images()), before[1])


@pytest.mark.slow
def test_fine_tuning_trains_the_model_and_lambda():
    model = segmenter(activation="softmax")
    before = model(images()).numpy()
    tuned = regularise(model, 1.0, learn_tv_weight=True, iterations=5, jit_compile=False)
    tuned.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy", jit_compile=False)
    tuned.fit(images(), np.zeros((2, 8, 12)), verbose=0)
    assert len(tuned.trainable_variables) == 3
    assert float(tuned.layers[-1].current_tv_weight()) != 1.0
    assert np.abs(model(images()) - before).max() > 0.1


def test_at_test_time_only_nothing_is_added_to_train():
    assert len(regularise(segmenter()).trainable_variables) == 2


@pytest.mark.parametrize(
    "name", ["activated convolution", "resized softmax", "model inside a model", "one sigmoid"]
)
def test_result_is_saved_and_loaded(name, tmp_path):
    tuned = regularise(PROBABILITY_MODELS[name](), 2.0, learn_tv_weight=True, inference_iterations=10)
    tuned.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images()), tuned(images()))


def test_model_that_was_loaded_is_regularised(tmp_path):
    segmenter(activation="softmax").save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(without_weight(loaded)(images()), loaded(images()), atol=1e-6)


@pytest.mark.slow
def test_pretrained_backbone_is_regularised():
    backbone = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, include_top=False, weights=None)
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2DTranspose(3, 32, strides=32, activation="softmax")(backbone(inputs))
    model, image = keras.Model(inputs, x), np.zeros((1, 32, 32, 3), np.float32)
    np.testing.assert_allclose(without_weight(model)(image), model(image), atol=1e-6)


def test_half_precision_logits_are_regularised_in_float32():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = segmenter(activation="softmax")
        output = regularise(model, inference_iterations=1)(images())
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert model.output.dtype == "float16" and output.dtype == tf.float32


@pytest.mark.slow
def test_volumes_keep_their_voxel_size():
    inputs = keras.Input((None, None, None, 1))
    model = keras.Model(inputs, layers.Conv3D(2, 3, padding="same", activation="softmax")(inputs))
    volume = np.random.default_rng(0).uniform(size=(1, 3, 5, 6, 1)).astype(np.float32)
    options = {"voxel_size": (4.0, 1.0, 1.0), "inference_iterations": 20}
    regular = regularise(model, 1.0, **options)
    kernel, bias = model.get_weights()
    logits = tf.nn.conv3d(volume, kernel, [1] * 5, "SAME") + bias
    expected = TVSoftmax(1.0, learn_tv_weight=False, **options)(logits)
    np.testing.assert_allclose(regular(volume), expected, atol=1e-6)


@pytest.mark.parametrize(("output", "activation"), [("logits", None), ("probabilities", "softmax")])
def test_subclassed_model_says_what_it_gives(output, activation):
    model = subclassed(activation)
    kernel, bias = model.get_weights()
    expected = tf.nn.softmax(tf.nn.conv2d(images(), kernel, 1, "SAME") + bias)
    np.testing.assert_allclose(without_weight(model, output=output)(images()), expected, atol=1e-6)


def test_one_channel_of_said_logits_that_is_a_sigmoid_is_warned_of():
    with pytest.warns(UserWarning, match=r"gives numbers in \[0, 1\] only, as probabilities"):
        regularise(segmenter(classes=1, activation="sigmoid"), output="logits")


def test_said_logits_go_before_the_structure():
    model = segmenter(activation="softmax")
    expected = tf.nn.softmax(model(images()))
    with pytest.warns(UserWarning, match="gives probabilities.*where logits were expected"):
        smooth = without_weight(model, output="logits")
    np.testing.assert_allclose(smooth(images()), expected, atol=1e-6)


def test_name_is_that_of_the_model_or_the_given_one():
    model = segmenter()
    assert (regularise(model).name, regularise(model, name="regular").name) == (model.name, "regular")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: segmenter(layers.Lambda(lambda x: x)), "`output` must be .* ends in Lambda"),
        (lambda: segmenter(activation="relu"), "`output` must be .* ends in Conv2D"),
        (subclassed, "`output` must be .* ends in Subclassed"),
        (Subclassed, "`model` must be built .* Received: model='subclassed.*', built for None"),
        (lambda: keras.Sequential([layers.Conv2D(2, 1)]), "`model` must be built"),
        (
            lambda: segmenter(layers.Softmax(axis=1)),
            "softmax over the classes in the last axis.* takes it over another",
        ),
        (
            lambda: segmenter(layers.ZeroPadding2D(1, data_format="channels_first"), shape=(8, 8, 3)),
            "classes in the last axis.*Permute.* ends in a layer with data_format='channels_first'",
        ),
        (
            lambda: segmenter(layers.GlobalAveragePooling2D()),
            r"one output .* Received: output shapes \[\(None, 3\)\]",
        ),
        (lambda: segmenter(lambda x: [x, x]), "one output .* take the part of it that has"),
        (lambda: segmenter(TVSoftmax(), layers.UpSampling2D()), "must not end in a TV layer already"),
        (lambda: "model.keras", "`model` must be a Keras model. Received: model='model.keras'"),
    ],
)
def test_models_that_do_not_fit_are_refused_with_a_reason(make, message):
    with pytest.raises(ValueError, match=message):
        regularise(make())


def test_unknown_kind_of_output_is_refused():
    with pytest.raises(ValueError, match="`output` must be one of .* Received: output='labels'"):
        regularise(segmenter(), output="labels")


@pytest.mark.parametrize("wrap", [lambda model: model, nested])
def test_gap_is_that_of_the_layer_and_the_output_stays(wrap):
    model = wrap(regularise(segmenter(), 1.0, learn_tv_weight=True, inference_iterations=20))
    output, gap = with_gap(model)(images())
    np.testing.assert_array_equal(output, model(images()))
    logits = keras.Model(model.input, model_logits_of_tv(model))(images())
    expected = TVSoftmax(1.0, inference_iterations=20).regularise(logits).gap
    np.testing.assert_allclose(gap, expected, atol=1e-6)


def model_logits_of_tv(model):
    """The logits that go into the TV head of a model, or of the model in it."""
    if isinstance(model.layers[-1], keras.Model):
        inner = model.layers[-1]
        return keras.Model(inner.input, inner.layers[-1].input)(model.layers[-2].output)
    return model.layers[-1].input


def test_gap_follows_the_lambda_that_is_learned():
    model = regularise(segmenter(), 1.0, learn_tv_weight=True, inference_iterations=10)
    gaps = with_gap(model)
    model.layers[-1].raw_tv_weight.assign(-30.0)
    np.testing.assert_allclose(gaps(images())[1], 0.0, atol=1e-6)


@pytest.mark.parametrize(
    "make", [lambda: segmenter(layers.Softmax()), lambda: nested(segmenter()), subclassed]
)
def test_gap_of_a_model_without_tv_layer_is_refused(make):
    with pytest.raises(
        ValueError, match="`model` must end in a TVSoftmax or TVSigmoid layer. Received: model="
    ):
        with_gap(make())


@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_logits_of_probabilities_lead_back_to_them(link):
    logits = np.random.default_rng(0).normal(0, 3, (1, 4, 4, 3)).astype(np.float32)
    probabilities = getattr(tf.nn, link)(logits)
    again = getattr(tf.nn, link)(ProbabilityLogits(link)(probabilities))
    np.testing.assert_allclose(again, probabilities, atol=1e-6)


@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_certain_probabilities_have_finite_logits(link):
    assert np.isfinite(ProbabilityLogits(link)(np.array([[[0.0, 1.0]]], np.float32))).all()


def test_twin_that_needs_other_variables_is_refused():
    layer = layers.Conv2D(3, 1, use_bias=False)
    layer.build((None, None, None, 3))
    with pytest.raises(ValueError, match="`changes` must leave the variables .* has no variable 'bias'"):
        shared_copy(layer, use_bias=True)


def test_flattened_answer_is_no_signal_of_one_axis():
    images = keras.Input((8, 6, 1))
    logits = keras.layers.Conv2D(2, 1)(images)
    flat = keras.Model(images, keras.layers.Softmax()(keras.layers.Reshape((48, 2))(logits)))
    with pytest.raises(
        ValueError, match="`model` must answer with the spatial axes of its images; put .*Reshape"
    ):
        regularise(flat)
    shaped = keras.Model(images, keras.layers.Reshape((8, 6, 2))(flat.outputs[0]))
    assert regularise(shaped).output_shape == (None, 8, 6, 2)
