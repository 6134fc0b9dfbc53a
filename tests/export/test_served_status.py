"""The limit of a request and the status of each file, through the session that TensorFlow Serving runs."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfapp.export import ExportError, describe, export, verify
from tfapp.export.comparisons import compare
from tfapp.export.images import checked_max_pixels
from tfapp.export.requests import Request

LIMIT = 65_536


def encoded(pixels, form="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def labels_of(contents):
    with Image.open(io.BytesIO(contents)) as image:
        return np.asarray(image)


def spoiled(contents):
    """A file with a good header and damaged pixels."""
    return contents[: len(contents) // 2] + contents[-12:]


@pytest.fixture(scope="module")
def telling(build_net, tmp_path_factory):
    """An export with a status of each file and the lowest limit."""
    model = build_net()
    folder = export(
        model,
        tmp_path_factory.mktemp("status") / "cells",
        stride=2,
        warmup_sizes=((32, 40),),
        max_pixels=LIMIT,
        status=True,
    )
    return SimpleNamespace(model=model, folder=folder)


@pytest.mark.slow
def test_bad_files_do_not_fail_their_neighbours(telling, session_run, picture, keras_answer):
    good = picture(20, 31)
    files = [
        b"no image",
        encoded(good),
        spoiled(encoded(good)),
        encoded(picture(257, 256)),
        encoded(good, "BMP"),
        encoded(good, "GIF", save_all=True, append_images=[Image.fromarray(255 - good)]),
    ]
    answer = session_run(telling.folder, "serving_bytes", image_bytes=np.array(files, object))
    expected = keras_answer(telling.model, good[np.newaxis].astype(np.float32) / 255)[0].argmax(-1)
    for number in (1, 4):
        assert answer["status"][number] == b""
        np.testing.assert_array_equal(labels_of(answer["labels_png_bytes"][number]), expected)
    for number, told in (
        (0, b"Unknown image"),
        (2, b"damaged"),
        (3, b"at most 65536"),
        (5, b"several frames"),
    ):
        assert told in answer["status"][number]
        assert answer["labels_png_bytes"][number] == b""


@pytest.mark.slow
def test_good_files_beyond_the_limit_together_fail_the_request(telling, session_run, picture):
    files = [encoded(picture(200, 200))] * 2
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 65536 pixels, all images together"):
        session_run(telling.folder, "serving_bytes", image_bytes=np.array(files, object))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signature", "dtype"), [("serving_default", np.float32), ("serving_uint8", np.uint8)]
)
def test_arrays_beyond_the_limit_fail_the_request(telling, session_run, signature, dtype):
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 65536 pixels, all images together"):
        session_run(telling.folder, signature, images=np.zeros((2, 200, 200, 3), dtype))


@pytest.mark.slow
def test_verification_and_description_know_limit_and_status(telling):
    assert verify(telling.folder).passed
    assert describe(telling.folder)["requests"] == [
        "A request may hold at most 65,536 pixels, all images together.",
        "serving_bytes tells the status of each file; a bad one does not fail the others.",
    ]
    manifest = json.loads((telling.folder / "assets.extra" / "export.json").read_text())
    assert (manifest["max_pixels"], manifest["status"]) == (LIMIT, True)


@pytest.mark.slow
def test_without_status_one_file_beyond_the_limit_fails_the_request_before_it_is_decoded(
    exported, session_run, picture
):
    # A 1-bit PNG of 30,000 x 30,000 pixels whose data are missing: decoding it could but fail otherwise.
    bomb = bytearray(encoded(picture(8, 8)[..., 0]))
    bomb[16:24] = (30_000).to_bytes(4, "big") * 2
    files = np.array([encoded(picture(8, 8)), bytes(bomb)], object)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"\[image_bytes, file\] \[2\] \[900000000 pixels"
    ):
        session_run(exported.folder, "serving_bytes", image_bytes=files)


@pytest.mark.parametrize(("expected", "got"), [(b"", b"damaged"), (b"a reason", b"")])
def test_comparison_fails_on_a_status_that_should_not_be(expected, got):
    empty = np.zeros(1, "S1")
    request = Request(
        "serving_bytes",
        {},
        {"labels_png_bytes": empty, "decided_png_bytes": empty, "status": np.array([expected], "S20")},
    )
    outputs = {"labels_png_bytes": empty, "status": np.array([got], "S20")}
    _, _, failure = compare(request, outputs, 1e-5)
    assert failure.startswith("file 1 of `status` expected")


@pytest.mark.parametrize("limit", [0, 65_535, 1e6, True, "many"])
def test_limit_that_is_no_number_of_pixels_is_refused(limit):
    with pytest.raises(ExportError, match="`max_pixels` must be a whole number of at least 65536"):
        checked_max_pixels(limit, [])


def test_warmup_beyond_the_limit_is_refused():
    with pytest.raises(ExportError, match="`warmup_sizes` must be within `max_pixels`, 65536"):
        checked_max_pixels(LIMIT, [(300, 300)])
