"""Files for other engines beside an export: the labels of the model, sizes that are open, and what is refused."""

import json

import numpy as np
import pytest

from tfapp.export import ExportError, export, verify
from tfapp.export.engines.catalogue import ENGINES, ONNX, TFLITE

# The dev extra `test` brings them.
pytest.importorskip("tf2onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")

# Each file is made and run in processes of its own.
pytestmark = pytest.mark.slow
_SIZE = (29, 50)


def tv_segmenter():
    """A small network of stride 2 with a TV head of 100 iterations behind it and its gap, that takes any size."""
    import keras

    from tfapp.layers import CropLike, PadToStride, TVSoftmax, with_gap

    keras.utils.set_random_seed(3)
    random = keras.initializers.RandomNormal(stddev=0.4, seed=1)
    images = keras.Input((None, None, 3))
    padded = PadToStride(2)(images)
    fine = keras.layers.Conv2D(6, 3, padding="same", activation="relu", kernel_initializer=random)(padded)
    coarse = keras.layers.Conv2D(6, 3, strides=2, padding="same", kernel_initializer=random)(fine)
    joined = keras.layers.Concatenate()([fine, keras.layers.UpSampling2D(2)(coarse)])
    logits = CropLike()([keras.layers.Conv2D(3, 1, kernel_initializer=random)(joined), images])
    return with_gap(keras.Model(images, TVSoftmax(tv_weight=0.5)(logits)))


@pytest.fixture(scope="module")
def model():
    return tv_segmenter()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    base = tmp_path_factory.mktemp("served") / "tv"
    return export(model, base, warmup_sizes=((32, 40),), formats=("onnx", "tflite"))


@pytest.fixture(scope="module")
def images(picture):
    """Two images of a size that is no trial size and no multiple of the stride."""
    return np.stack([picture(*_SIZE, seed=seed) for seed in (4, 5)]).astype(np.float32) / 255


def by_onnx(folder, images):
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / ONNX.file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def by_tflite(folder, images):
    import warnings

    import tensorflow as tf

    with warnings.catch_warnings():
        # TensorFlow's own interpreter is to move to another package.
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(str(folder / TFLITE.file))
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], images.shape)
    interpreter.allocate_tensors()
    return interpreter.get_signature_runner("serving_default")(images=images)


ASKED = pytest.mark.parametrize("ask", [by_onnx, by_tflite])


@ASKED
def test_labels_of_a_tv_head_at_another_size_are_those_of_keras(model, folder, images, ask):
    expected = np.asarray(model(images, training=False)[0]).argmax(-1)
    assert np.array_equal(ask(folder, images)["labels"], expected)


@ASKED
def test_probabilities_and_gap_are_those_of_keras(model, folder, images, ask):
    probabilities, gap = (np.asarray(output) for output in model(images, training=False))
    found = ask(folder, images)
    np.testing.assert_allclose(found["probabilities"], probabilities, atol=1e-5)
    np.testing.assert_allclose(found["gap"], gap, atol=1e-5)


@ASKED
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_labels_of_an_image_that_is_not_finite_are_minus_one(folder, images, ask, value):
    images = images.copy()
    images[1, 3, 4, 0] = value
    labels = ask(folder, images)["labels"]
    assert (labels[1] == -1).all() and (labels[0] >= 0).all()


def test_export_json_tells_how_each_engine_answered(folder):
    engines = json.loads((folder / "assets.extra" / "export.json").read_text(encoding="utf-8"))["engines"]
    assert {name: kept["file"] for name, kept in engines.items()} == {
        name: ENGINES[name].file for name in ("onnx", "tflite", "tflite-dynamic")
    }
    for name in ("onnx", "tflite"):
        assert engines[name]["equal_labels"] == 1 and engines[name]["max_difference"] < 1e-5
    assert 0.9 < engines["tflite-dynamic"]["equal_labels"] <= 1


@pytest.mark.parametrize("engine", ["openvino", "onnx", "tflite", "tflite-dynamic"])
def test_verify_runs_the_engine(folder, engine):
    report = verify(folder, engine)
    assert report.passed, report.failures
    assert report.signatures[0].requests == 3 and report.signatures[0].equal_labels > 0.9


def test_changed_file_of_an_engine_fails_verify(model, folder, tmp_path):
    import shutil

    copy = shutil.copytree(folder, tmp_path / "1")
    (copy / ONNX.file).write_bytes((copy / ONNX.file).read_bytes()[:-40])
    report = verify(copy, "onnx")
    assert any("model.onnx was changed" in failure for failure in report.failures)


def test_openvino_reads_an_export_without_further_files(exported):
    report = verify(exported.folder, "openvino")
    assert report.passed and report.signatures[0].equal_labels == 1


def test_file_with_other_labels_is_refused_and_leaves_nothing(model, tmp_path, monkeypatch):
    from tfapp.export.engines import parity

    real = parity.ask_script

    def swapped(*arguments):
        report, outputs, errors = real(*arguments)
        return report, [{**one, "labels": 1 - one["labels"]} for one in outputs], errors

    monkeypatch.setattr(parity, "ask_script", swapped)
    with pytest.raises(
        ExportError, match="ONNX file does not answer as the Keras model. ONNX, request 0: `labels`"
    ):
        export(model, tmp_path / "served" / "tv", formats=("onnx",))
    assert not (tmp_path / "served").exists()


def test_model_that_a_converter_does_not_know_is_refused_in_words(tmp_path):
    import keras
    import tensorflow as tf

    class Fourier(keras.layers.Layer):
        def call(self, inputs):
            return tf.math.real(tf.signal.ifft2d(tf.signal.fft2d(tf.cast(inputs, tf.complex64))))

    images = keras.Input((None, None, 1))
    logits = keras.layers.Conv2D(2, 1)(Fourier()(images))
    model = keras.Model(images, keras.layers.Softmax()(logits))
    with pytest.raises(ExportError, match="TFLite"):
        export(model, tmp_path / "served" / "f", formats=("tflite",))
    assert not (tmp_path / "served").exists()


def test_whole_numbers_are_divided_downwards_in_onnx(tmp_path):
    """Padding counts with -size % stride, which truncation would turn into another size."""
    import keras
    import tensorflow as tf

    class Counted(keras.layers.Layer):
        def call(self, inputs):
            height = tf.shape(inputs)[1]
            numbers = [-height % 4, -height // 4, height % -4]
            floats = tf.cast(-height, tf.float32)
            for number in (*(tf.cast(one, tf.float32) for one in numbers), floats % 4.0, floats // 4.0):
                inputs += number / 100
            return inputs

    images = keras.Input((None, None, 1))
    logits = keras.layers.Conv2D(2, 1)(Counted()(images))
    model = keras.Model(images, keras.layers.Softmax()(logits))
    folder = export(model, tmp_path / "counted", formats=("onnx",))
    odd = np.random.default_rng(0).random((1, 27, 9, 1)).astype(np.float32)
    np.testing.assert_allclose(by_onnx(folder, odd)["probabilities"], np.asarray(model(odd)), atol=1e-6)


def test_scorer_answers_alike(tmp_path):
    import keras

    from tfapp.export import export_scorer

    keras.utils.set_random_seed(1)
    images = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, strides=2)(images))
    model = keras.Model(images, keras.layers.Dense(3)(pooled))
    folder = export_scorer(model, tmp_path / "s", class_names="abc", formats=("onnx", "tflite"))
    some = np.random.default_rng(0).random((3, 21, 33, 3)).astype(np.float32)
    for ask in (by_onnx, by_tflite):
        np.testing.assert_allclose(ask(folder, some)["scores"], np.asarray(model(some)), atol=1e-5)
