import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfapp.export.images import decode_image, encode_labels, endpoints, scale_to
from tfapp.export.segmenter import inspect_model
from tfapp.export.signatures import read_signatures


def encoded(pixels, kind="PNG", mode=None, **options):
    image = Image.fromarray(pixels.squeeze())
    file = io.BytesIO()
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def opened(contents, channels):
    """What Pillow reads, float32 in [0, 1]: the independent reference for decoding."""
    with Image.open(io.BytesIO(contents)) as image:
        pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"), np.float32)
    return pixels.reshape(*pixels.shape[:2], channels) / 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", None, {}),
        ("PNG", "L", {}),
        ("PNG", "LA", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("JPEG", None, {"quality": 80}),
        ("JPEG", "L", {}),
        ("BMP", None, {}),
        ("GIF", None, {}),
    ],
)
def test_files_decode_to_what_pillow_reads(picture, kind, mode, options, channels):
    contents = encoded(picture(13, 18), kind, mode, **options)
    np.testing.assert_array_equal(decode_image(contents, channels), opened(contents, channels))


def test_sixteen_bit_png_keeps_its_depth():
    levels = np.arange(0, 65536, 257 * 3 - 5, dtype=np.uint16)[:84].reshape(7, 12)
    decoded = decode_image(encoded(levels), 1)
    np.testing.assert_array_equal(decoded[..., 0], levels.astype(np.float32) / 65535)


def test_values_span_the_range_of_the_model():
    ends = tf.constant([0, 255], tf.uint8)
    assert scale_to(ends, (-1.0, 1.0)).numpy().tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(("classes", "dtype"), [(256, np.uint8), (257, np.uint16)])
def test_label_png_is_wide_enough_for_its_classes(classes, dtype):
    labels = np.array([[0, classes - 1]], np.int32)
    with Image.open(io.BytesIO(encode_labels(labels, classes).numpy())) as image:
        assert np.asarray(image).dtype == dtype
        assert np.asarray(image).tolist() == labels.tolist()


def test_exported_signatures_are_exactly_these(exported):
    table = {
        name: {
            side: {tensor["alias"]: (tensor["dtype"], tensor["shape"]) for tensor in signature[side]}
            for side in ("inputs", "outputs")
        }
        for name, signature in read_signatures(exported.folder).items()
    }
    image, labels, probabilities = [None, None, None, 3], [None, None, None], [None, None, None, 3]
    answer = {"labels": ("int32", labels), "probabilities": ("float32", probabilities)}
    assert table == {
        "serving_default": {"inputs": {"images": ("float32", image)}, "outputs": answer},
        "serving_uint8": {"inputs": {"images": ("uint8", image)}, "outputs": answer},
        "serving_bytes": {
            "inputs": {"image_bytes": ("string", [None])},
            "outputs": {"labels_png_bytes": ("string", [None])},
        },
    }
    assert next(iter(table)) == "serving_default"


def test_half_precision_output_leaves_as_float32(build_net):
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = build_net()
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert model.output.dtype == "float16"
    function, (spec,) = endpoints(inspect_model(model, stride=2))["serving_default"]
    assert function(tf.zeros((1, 5, 6, 3), spec.dtype))["probabilities"].dtype == tf.float32


def test_grey_model_takes_colour_files(build_net):
    segmenter = inspect_model(build_net(channels=1), stride=2)
    function, _ = endpoints(segmenter)["serving_bytes"]
    colour = np.random.default_rng(3).integers(0, 256, (6, 7, 3), np.uint8)
    answer = function(tf.constant([encoded(colour)]))["labels_png_bytes"].numpy()
    expected = segmenter.answer(opened(encoded(colour), 1)[np.newaxis])[0].numpy().argmax(-1)[0]
    with Image.open(io.BytesIO(answer[0])) as labels:
        np.testing.assert_array_equal(np.asarray(labels), expected)
