"""`tfapp export client`, as a person types it, against the test double."""

import io
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from typer.testing import CliRunner

from tests.export.double_server import DoubleServer, FunctionModel, Refused, SessionModel, serving
from tfapp.cli.main import app
from tfapp.data.own_pngs import is_own_png

pytestmark = pytest.mark.slow

SCHEMES = pytest.mark.parametrize("scheme", ["grpc", "http"])


def ask(address, *arguments, model="cells"):
    arguments = [str(argument) for argument in ("export", "client", address, *arguments, "--model", model)]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "400", "NO_COLOR": "1"})


def labels_of(path):
    with Image.open(path) as picture:
        assert picture.mode == "P"
        return np.asarray(picture)


def spec(shape, dtype=tf.float32):
    return tf.TensorSpec(shape, dtype)


FILES = {
    "serving_bytes": (
        {"image_bytes": spec((None,), tf.string)},
        {"labels_png_bytes": spec((None,), tf.string)},
    )
}
TELLING = {
    "serving_bytes": (
        FILES["serving_bytes"][0],
        {**FILES["serving_bytes"][1], "status": spec((None,), tf.string)},
    )
}


def png(values):
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def bright(contents):
    """A label image: where an image is bright; as a server does, of the file as it is stored."""
    with Image.open(io.BytesIO(contents)) as image:
        return (np.asarray(image.convert("L")) > 127).astype(np.uint8)


def labelling(signature, inputs):
    """Labels of each file; a file that is red above fails the request."""
    for contents in inputs["image_bytes"]:
        with Image.open(io.BytesIO(contents)) as image:
            if image.convert("RGB").getpixel((0, 0)) == (255, 0, 0):
                raise Refused(
                    "INVALID_ARGUMENT",
                    "assertion failed: [image_bytes, file] [1] [is red]\n\t [[{{node Assert}}]]",
                )
    return {"labels_png_bytes": np.array([png(bright(one)) for one in inputs["image_bytes"]], object)}


def cells(function=labelling, signatures=FILES, **options):
    return DoubleServer({("cells", 1): FunctionModel(function, signatures)}, **options)


@pytest.fixture
def photos(tmp_path):
    """A folder of five images of different sizes, c.png red above."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, name in enumerate("abcde"):
        pixels = np.random.default_rng(index).integers(0, 256, (9 + index, 12, 3), dtype=np.uint8)
        pixels[0, 0] = (255, 0, 0) if name == "c" else 0
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def session(exported):
    return DoubleServer({("cells", 1): SessionModel(exported.folder)})


@SCHEMES
@pytest.mark.parametrize("signature", ["serving_default", "serving_uint8", "serving_bytes"])
def test_every_signature_gives_the_labels_of_the_model(
    session, exported, keras_answer, picture, tmp_path, scheme, signature
):
    images = {"a": picture(21, 33), "b": picture(8, 9)}
    for name, pixels in images.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    with serving(session, scheme) as address:
        files = [tmp_path / f"{name}.png" for name in images]
        result = ask(address, *files, "--out", tmp_path / "out", "--signature", signature, "--concurrency", 2)
    assert result.exit_code == 0, result.output
    for name, pixels in images.items():
        expected = keras_answer(exported.model, pixels[None].astype(np.float32) / 255)[0].argmax(-1)
        np.testing.assert_array_equal(labels_of(tmp_path / "out" / f"{name}.png"), expected)
        assert is_own_png(tmp_path / "out" / f"{name}.png")


def test_photograph_turned_by_exif_is_labelled_upright(session, tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(16, 24)).save(tmp_path / "a.jpg", exif=exif)
    with serving(session, "grpc") as address:
        result = ask(address, tmp_path / "a.jpg", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert labels_of(tmp_path / "out" / "a.png").shape == (24, 16)


def test_other_value_range_than_that_of_the_export_is_refused(session, tmp_path, picture):
    Image.fromarray(picture(16, 24)).save(tmp_path / "a.png")
    options = ("--signature", "serving_default", "--value-range", 0, 255)
    with serving(session, "grpc") as address:
        result = ask(address, tmp_path / "a.png", "--out", tmp_path / "out", *options)
    assert result.exit_code == 2 and "exported for other values; give its --value-range" in result.output
    assert not (tmp_path / "out").exists()


def test_table_tells_percentiles_and_images_a_second(photos, tmp_path):
    with serving(cells(), "grpc") as address:
        result = ask(address, photos / "a.png", photos / "b.png", "--repeat", 10, "--concurrency", 3)
    assert result.exit_code == 0, result.output
    lines = [re.findall("[^│]+", line) for line in result.output.splitlines() if line.count("│") == 3]
    told = {name.strip(): value.strip() for name, value in lines}
    assert [told[name] for name in ("requests", "failed", "retried", "at once")] == ["20", "0", "0", "3"]
    p50, p90, p99 = (float(told[f"p{share} ms"]) for share in (50, 90, 99))
    assert 0 < p50 <= p90 <= p99
    assert float(told["images/s"]) > 0


@SCHEMES
@pytest.mark.parametrize("batch", [1, 3, 5])
def test_bad_image_is_listed_and_the_others_are_written(photos, tmp_path, scheme, batch):
    with serving(cells(), scheme) as address:
        result = ask(address, photos, "--out", tmp_path / "out", "--batch", batch)
    assert result.exit_code == 1
    assert f"Image {photos / 'c.png'} was not answered" in result.output and "is red." in result.output
    assert "1 of 5 image(s) were not answered; the others are done." in result.output
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"a.png", "b.png", "d.png", "e.png"}
    for name in "abde":
        expected = bright((photos / f"{name}.png").read_bytes())
        np.testing.assert_array_equal(labels_of(tmp_path / "out" / f"{name}.png"), expected)


@SCHEMES
def test_status_of_a_file_is_told_and_the_others_are_written(photos, tmp_path, scheme):
    def telling(signature, inputs):
        bad = [len(one) == (photos / "c.png").stat().st_size for one in inputs["image_bytes"]]
        return {
            "labels_png_bytes": np.array(
                [
                    b"" if wrong else png(bright(one))
                    for wrong, one in zip(bad, inputs["image_bytes"], strict=True)
                ],
                object,
            ),
            "status": np.array([b"damaged" if wrong else b"" for wrong in bad], object),
        }

    server = cells(telling, TELLING)
    with serving(server, scheme) as address:
        result = ask(address, photos, "--out", tmp_path / "out", "--batch", 5)
    assert result.exit_code == 1 and f"Image {photos / 'c.png'} was not answered: damaged." in result.output
    assert len(list((tmp_path / "out").iterdir())) == 4 and server.calls.count("predict") == 1


def test_files_of_a_folder_that_are_left_out_are_counted(photos, tmp_path):
    (photos / "c.png").unlink()
    (photos / "notes.txt").touch()
    (photos / "within").mkdir()
    (photos / "within" / "f.png").write_bytes((photos / "a.png").read_bytes())
    with serving(cells(), "grpc") as address:
        result = ask(address, photos, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert f"1 file(s) in {photos} are skipped (1 .txt)" in result.output
    assert f"1 file(s) in 1 folder(s) within {photos} are left out" in result.output


def test_file_that_is_no_image_is_told_and_not_sent(photos, tmp_path):
    (photos / "c.png").write_bytes(b"no image")
    server = cells()
    with serving(server, "grpc") as address:
        result = ask(address, photos / "c.png", "--out", tmp_path / "out")
    assert result.exit_code == 2 and "c.png is empty or not an image" in result.output
    assert "predict" not in server.calls and not (tmp_path / "out").exists()


def test_only_bad_images_are_bad_input(photos, tmp_path):
    with serving(cells(), "grpc") as address:
        result = ask(address, photos / "c.png", "--out", tmp_path / "out")
    assert result.exit_code == 2 and "is red" in result.output and not (tmp_path / "out").exists()


@SCHEMES
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--signature", "serving"), "has no signature 'serving'; expected one of: serving_bytes"),
        (("--version", 7), "does not serve 'cells' version 7"),
        (("--label", "canary"), "Unrecognized servable version label: canary"),
        (("--version", 1, "--label", "stable"), "Give --version or --label, not both"),
    ],
)
def test_what_the_server_has_not_is_one_sentence(photos, tmp_path, scheme, options, told):
    with serving(cells(), scheme) as address:
        result = ask(address, photos, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2 and told in result.output and not (tmp_path / "out").exists()


def test_model_that_is_absent_is_one_sentence(photos, tmp_path):
    with serving(cells(), "grpc") as address:
        result = ask(address, photos, "--out", tmp_path / "out", model="cats")
    assert result.exit_code == 2 and "does not serve 'cats'" in result.output


@SCHEMES
def test_labels_of_another_size_are_one_sentence(photos, tmp_path, scheme):
    def halved(signature, inputs):
        return {
            "labels_png_bytes": np.array(
                [png(np.zeros((4, 6), np.uint8))] * len(inputs["image_bytes"]), object
            )
        }

    with serving(cells(halved), scheme) as address:
        result = ask(address, photos / "a.png", "--out", tmp_path / "out")
    assert result.exit_code == 2 and "a.png is 12x9 pixels, its labels are 6x4." in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda contents: b"GIF89a", "its beginning is another"),
        (lambda contents: contents[:60] + bytes(20), "it is damaged"),
        (lambda contents: png(np.zeros((9, 12, 3), np.uint8)), "it is in colours"),
        # 30,000 x 30,000 pixels: refused by its header.
        (lambda contents: contents[:16] + (30_000).to_bytes(4, "big") * 2 + contents[24:], "are 30000x30000"),
    ],
)
def test_answer_that_is_no_label_image_is_one_sentence(photos, tmp_path, spoil, told):
    def spoilt(signature, inputs):
        return {
            "labels_png_bytes": np.array([spoil(png(bright(one))) for one in inputs["image_bytes"]], object)
        }

    with serving(cells(spoilt), "grpc") as address:
        result = ask(address, photos / "a.png", "--out", tmp_path / "out")
    assert result.exit_code == 2 and told in result.output and not (tmp_path / "out").exists()


@SCHEMES
def test_deadline_is_one_sentence(photos, tmp_path, scheme):
    def slow(signature, inputs):
        time.sleep(1.5)
        return labelling(signature, inputs)

    with serving(cells(slow), scheme) as address:
        result = ask(address, photos / "a.png", "--out", tmp_path / "out", "--deadline", 0.3)
    assert (
        result.exit_code == 2
        and "within 0.3 s, all tries together; give it more time (--deadline)" in result.output
    )


@SCHEMES
def test_oversized_request_and_answer_name_the_limit_and_the_way_out(photos, tmp_path, scheme):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photos / "large.png")

    def large(signature, inputs):
        return {"labels_png_bytes": np.array([bytes(5000)], object)}

    limit = ("--out", tmp_path / "out", "--max-message", 2048)
    with serving(cells(large), scheme) as address:
        request = ask(address, photos / "large.png", *limit)
        answer = ask(address, photos / "a.png", *limit)
    for result, what in ((request, "request"), (answer, "answer")):
        assert result.exit_code == 2, result.output
        assert f"The {what} would take" in result.output
        assert "at most 2,048 bytes, the limit of this client: raise --max-message, or" in result.output


def test_server_that_goes_down_in_the_middle_ends_the_command_and_leaves_whole_files(photos, tmp_path):
    answered = []

    def trouble(kind):
        if kind == "predict":
            answered.append(kind)
            if len(answered) > 2:
                raise Refused("UNAVAILABLE", "shutting down")

    with serving(cells(before=trouble), "grpc") as address:
        result = ask(address, photos, "--out", tmp_path / "out", "--retries", 1)
    assert result.exit_code == 2 and "is not ready: shutting down; try again later." in result.output
    written = list((tmp_path / "out").iterdir())
    assert {file.name for file in written} == {"a.png", "b.png"} and all(map(is_own_png, written))


def test_files_of_others_are_not_written_over(photos, tmp_path):
    place = tmp_path / "out"
    place.mkdir()
    (place / "b.png").write_bytes(b"mine")
    with serving(cells(), "grpc") as address:
        refused = ask(address, photos / "a.png", photos / "b.png", "--out", place)
        same = ask(address, photos, "--out", photos)
    assert refused.exit_code == 2 and "b.png exists and was not written by" in refused.output
    assert same.exit_code == 2 and "is the folder of the images itself" in same.output
    assert {file.name for file in place.iterdir()} == {"b.png"} and (place / "b.png").read_bytes() == b"mine"


def test_batch_of_arrays_is_refused(session, photos, tmp_path):
    options = ("--signature", "serving_uint8", "--batch", 2)
    with serving(session, "grpc") as address:
        result = ask(address, photos, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2 and "--batch must be 1 for serving_uint8" in result.output


def test_more_than_8_bits_are_refused_for_whole_numbers(session, tmp_path):
    deep = np.arange(256, dtype=np.uint16).reshape(16, 16) * 200
    Image.fromarray(deep).save(tmp_path / "deep.png")
    with serving(session, "grpc") as address:
        result = ask(
            address, tmp_path / "deep.png", "--out", tmp_path / "out", "--signature", "serving_uint8"
        )
    assert result.exit_code == 2 and "has more than 8 bits" in result.output


def test_first_bad_image_stops_on_demand(photos, tmp_path):
    with serving(cells(), "grpc") as address:
        result = ask(address, photos, "--out", tmp_path / "out", "--stop-on-error")
    assert result.exit_code == 2 and "is red" in result.output
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"a.png", "b.png"}


def test_pages_of_a_stack_are_sent_as_pixels_and_not_as_files(session, tmp_path, picture):
    pages = [Image.fromarray(picture(8, 9, seed=seed)) for seed in (1, 2)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    with serving(session, "grpc") as address:
        files = ask(address, tmp_path / "stack.tif", "--out", tmp_path / "none")
        pixels = ask(
            address, tmp_path / "stack.tif", "--out", tmp_path / "out", "--signature", "serving_uint8"
        )
    assert files.exit_code == 2 and "is a page of a stack, which serving_bytes cannot take" in files.output
    assert pixels.exit_code == 0, pixels.output
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"stack-1.png", "stack-2.png"}


def test_labels_of_more_than_256_classes_keep_their_values(photos, tmp_path):
    labels = np.arange(9 * 12, dtype=np.uint16).reshape(9, 12) * 5
    server = cells(lambda signature, inputs: {"labels_png_bytes": np.array([png(labels)], object)})
    with serving(server, "grpc") as address:
        result = ask(address, photos / "a.png", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "out" / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), labels)


def test_answers_that_change_are_counted(photos):
    calls = []

    def changing(signature, inputs):
        calls.append(1)
        labels = np.full((9, 12), len(calls) > 2, np.uint8)
        return {"labels_png_bytes": np.array([png(labels)], object)}

    with serving(cells(changing), "grpc") as address:
        result = ask(address, photos / "a.png", "--repeat", 5)
    assert result.exit_code == 0 and "3 answer(s) differ from the first one" in result.output


def test_scores_and_poses_are_written_as_arrays(tmp_path):
    from tests.export.pose_net import CAMERA, POINTS, build_pose_net
    from tests.export.scorer_net import CLASS_NAMES, build_pipeline, tinted
    from tfapp.export import export_pose_network, export_scorer

    model = build_pipeline()
    birds = export_scorer(model, tmp_path / "served" / "birds", class_names=CLASS_NAMES, warmup_sizes=())
    poses = export_pose_network(
        build_pose_net(), tmp_path / "served" / "poses", camera=CAMERA, object_points=POINTS, distance=0.6
    )
    server = DoubleServer({("birds", 1): SessionModel(birds), ("poses", 1): SessionModel(poses)})
    image, depth = tinted((20, 31), 4), np.zeros((12, 16), np.uint16)
    depth[3:8, 4:9] = 1200
    Image.fromarray(image).save(tmp_path / "bird.png")
    Image.fromarray(depth).save(tmp_path / "depth.png")
    with serving(server, "grpc") as address:
        scored = ask(address, tmp_path / "bird.png", "--out", tmp_path / "out", model="birds")
        posed = ask(address, tmp_path / "depth.png", "--out", tmp_path / "out", model="poses")
        again = ask(address, tmp_path / "depth.png", "--out", tmp_path / "out", model="poses")
        floats = ask(address, tmp_path / "depth.png", "--signature", "serving_default", model="poses")
    assert (scored.exit_code, posed.exit_code) == (0, 0), scored.output + posed.output
    with np.load(tmp_path / "out" / "bird.npz") as answer:
        expected = np.asarray(model(image[None].astype(np.float32) / 255, training=False))[0]
        np.testing.assert_allclose(answer["scores"], expected, atol=1e-5)
        assert answer["labels"] == expected.argmax()
    with np.load(tmp_path / "out" / "depth.npz") as answer:
        assert answer["quaternion"].shape == (2, 4) and answer["found"].dtype == bool
    assert (
        again.exit_code == 2
        and "depth.npz exists; choose another --out, or replace it with --overwrite" in again.output
    )
    assert (
        floats.exit_code == 2
        and "takes depth float32 (?, 12, 16), which is not made of image files" in floats.output
    )


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_killed_client_leaves_whole_files(tmp_path, ending, code):
    for index in range(30):
        Image.new("RGB", (40, 30), (index, 200, 0)).save(tmp_path / f"{index:02}.png")
    slept = labelling_after(0.1)
    with serving(cells(slept), "http") as address:
        command = [sys.executable, "-m", "tfapp", "export", "client", address, "images", "--model", "cells"]
        (tmp_path / "images").mkdir()
        for file in tmp_path.glob("*.png"):
            file.rename(tmp_path / "images" / file.name)
        with subprocess.Popen(
            [*command, "--out", "out"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        ) as process:
            end = time.monotonic() + 60
            # Files that are being written begin with a dot.
            while time.monotonic() < end and len(list((tmp_path / "out").glob("[!.]*.png"))) < 5:
                time.sleep(0.02)
            process.send_signal(ending)
            process.communicate(timeout=30)
    assert process.returncode == code
    written = [file for file in (tmp_path / "out").iterdir() if not file.name.startswith(".")]
    assert 5 <= len(written) < 30 and all(map(is_own_png, written))


def labelling_after(seconds):
    def slow(signature, inputs):
        time.sleep(seconds)
        return labelling(signature, inputs)

    return slow


@pytest.mark.parametrize("name", ["client", "config"])
def test_run_folder_of_the_name_of_a_command_is_exported_as_before(tmp_path, monkeypatch, name):
    from types import SimpleNamespace

    from tfapp.cli import export as command

    received = []
    source = SimpleNamespace(
        export=lambda base_dir, version, **options: received.append(base_dir),
        after_export=(),
        export_remarks=(),
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "open_source", lambda run, *options: received.append(run) or source)
    monkeypatch.setattr(command, "print_exported", lambda *arguments: None)
    (tmp_path / name).mkdir()
    (tmp_path / name / "run.json").write_text("{}")
    result = CliRunner().invoke(app, ["export", name, "served"])
    assert result.exit_code == 0, result.output
    assert [str(path) for path in received] == [name, "served"]
