"""`tfapp export client --tile`: large images as many small requests, against the test double."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from typer.testing import CliRunner

from tests.export.double_server import DoubleServer, FunctionModel, serving
from tfapp.cli.main import app
from tfapp.models import build
from tfapp.models.any_size import at_own_size
from tfapp.models.tiling import needs_of
from tfapp.segmentation.exporting import export_segmenter

HEADS = {"softmax": None, "tv-softmax": {"tv_weight": 0.3, "iterations": 5, "inference_iterations": 5}}


IMAGES = (None, None, None, 3)
SIGNATURES = {
    name: (
        {"images": tf.TensorSpec(IMAGES, dtype)},
        {"labels": tf.TensorSpec(IMAGES[:3], tf.int32), "probabilities": tf.TensorSpec(IMAGES, tf.float32)},
    )
    for name, dtype in (("serving_default", tf.float32), ("serving_uint8", tf.uint8))
}
SIGNATURES["serving_bytes"] = (
    {"image_bytes": tf.TensorSpec((None,), tf.string)},
    {"labels_png_bytes": tf.TensorSpec((None,), tf.string)},
)


class Served:
    """A U-Net of depth 1 behind the test double, and the folder of an export that tells what its tiles need."""

    def __init__(self, head, folder):
        self.network = build("unet", 3, 3, head=head, head_options=HEADS[head], base_width=2, depth=1)
        rng = np.random.default_rng(1)
        for weight in self.network.weights:
            if "kernel" in weight.name:
                weight.assign(rng.normal(size=weight.shape) * 0.5)
        self.needs = needs_of(self.network)
        self.folder = with_tiling(folder, self.needs._asdict())
        self.double = DoubleServer({("cells", 1): FunctionModel(self.answer, SIGNATURES)})
        self.largest = 0

    def answer(self, signature, inputs):
        images = inputs["images"]
        self.largest = max(self.largest, *images.shape[1:3])
        if signature == "serving_uint8":
            images = images / np.float32(255)
        probabilities = np.asarray(self.network(images, training=False))
        return {"labels": probabilities.argmax(-1).astype(np.int32), "probabilities": probabilities}

    def labels(self, pixels):
        return self.answer("serving_uint8", {"images": pixels[None]})["labels"][0]


def with_tiling(folder, tiling):
    """Have the record of an export tell what its tiles need, and return its folder."""
    record = json.loads((folder / "assets.extra" / "export.json").read_text())
    record["metadata"]["tiling"] = tiling
    (folder / "assets.extra" / "export.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="module")
def plain(exported, tmp_path_factory):
    return Served(
        "softmax", shutil.copytree(exported.folder, tmp_path_factory.mktemp("plain") / "cells" / "1")
    )


@pytest.fixture(scope="module")
def smooth(exported, tmp_path_factory):
    return Served(
        "tv-softmax", shutil.copytree(exported.folder, tmp_path_factory.mktemp("smooth") / "cells" / "1")
    )


def ask(address, *arguments):
    arguments = [str(one) for one in ("export", "client", address, *arguments, "--model", "cells")]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "400", "NO_COLOR": "1"})


def photo(path, size, seed=0):
    # Blocks of one colour, which a total variation leaves.
    blocks = np.random.default_rng(seed).integers(
        0, 256, (-(-size[0] // 9), -(-size[1] // 9), 3), dtype=np.uint8
    )
    pixels = blocks.repeat(9, 0).repeat(9, 1)[: size[0], : size[1]]
    Image.fromarray(pixels).save(path)
    return pixels


def test_network_that_sees_all_of_an_image_has_no_needs():
    network = build("unet", 3, 3, head="softmax", base_width=2, depth=1)
    assert needs_of(at_own_size(network, None)).stride == 2
    assert needs_of(at_own_size(network, (64, 64))) is None


@pytest.mark.parametrize(
    "name, signature, scheme",
    [
        ("plain", "serving_default", "grpc"),
        ("plain", "serving_uint8", "http"),
        ("smooth", "serving_uint8", "grpc"),
    ],
)
def test_labels_by_tiles_are_those_of_the_whole_image(request, tmp_path, name, signature, scheme):
    served = request.getfixturevalue(name)
    pixels = photo(tmp_path / "a.png", (74, 98))
    small = photo(tmp_path / "b.png", (20, 30), seed=1)
    options = ("--tile", 48, "--exported", served.folder.parent, "--signature", signature, "--concurrency", 2)
    served.largest = 0
    with serving(served.double, scheme) as address:
        result = ask(address, tmp_path / "a.png", tmp_path / "b.png", "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    assert served.largest < 74
    for stem, whole in (("a", pixels), ("b", small)):
        found = np.asarray(Image.open(tmp_path / "out" / f"{stem}.png"))
        np.testing.assert_array_equal(found, served.labels(whole))
    assert len(np.unique(served.labels(pixels))) > 1


def test_odd_sides_are_exact_without_a_tv_head(plain, tmp_path):
    pixels = photo(tmp_path / "a.png", (73, 97))
    with serving(plain.double, "grpc") as address:
        options = ("--tile", 48, "--exported", plain.folder)
        result = ask(address, tmp_path / "a.png", "--out", tmp_path / "out", *options)
    assert result.exit_code == 0 and "may differ" not in result.output, result.output
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), plain.labels(pixels))


@pytest.mark.parametrize(
    "name, size, margin", [("smooth", (73, 98), ()), ("plain", (74, 98), ("--margin", 2))]
)
def test_labels_that_may_differ_are_said_to(request, tmp_path, name, size, margin):
    served = request.getfixturevalue(name)
    photo(tmp_path / "a.png", size)
    with serving(served.double, "grpc") as address:
        options = ("--tile", 48, "--exported", served.folder, *margin)
        result = ask(address, tmp_path / "a.png", "--out", tmp_path / "out", *options)
    assert result.exit_code == 0 and "may differ from those of the whole image" in result.output, (
        result.output
    )


@pytest.mark.parametrize(
    "options, told",
    [
        (("--tile", 48), "--tile, --exported and --margin belong together"),
        (("--margin", 4), "--tile, --exported and --margin belong together"),
        (("--tile", 48, "--exported", "EXPORT", "--signature", "serving_bytes"), "takes no parts of images"),
        (("--tile", 4, "--exported", "EXPORT"), "--tile 4 is too small: the network has a margin of"),
        (("--tile", 48, "--exported", "OTHER"), "does not say what tiles need"),
        (("--tile", 48, "--exported", "nowhere"), "nowhere is not a SavedModel"),
    ],
)
def test_tiles_that_cannot_be_are_one_sentence(plain, tmp_path, options, told):
    photo(tmp_path / "a.png", (74, 98))
    other = with_tiling(shutil.copytree(plain.folder, tmp_path / "1"), None)
    names = {"EXPORT": plain.folder, "OTHER": other}
    with serving(plain.double, "grpc") as address:
        options = [names.get(one, one) for one in options]
        result = ask(address, tmp_path / "a.png", "--out", tmp_path / "out", *options)
    assert result.exit_code == 2 and told in result.output, result.output
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def versions(plain, tmp_path_factory):
    """A folder with the version that is stable, and a later one whose tiles seem to need next to nothing."""
    base = tmp_path_factory.mktemp("versions") / "cells"
    shutil.copytree(plain.folder, base / "1")
    with_tiling(shutil.copytree(plain.folder, base / "2"), {"stride": 1, "margin": 0, "tv_head": False})
    return base


@pytest.fixture(scope="module")
def two(plain):
    models = {("cells", number): FunctionModel(plain.answer, SIGNATURES) for number in (1, 2)}
    return DoubleServer(models, {("cells", "stable"): 1})


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_needs_are_those_of_the_version_that_answers(plain, versions, two, tmp_path, scheme):
    pixels = photo(tmp_path / "a.png", (74, 98))
    with serving(two, scheme) as address:
        options = ("--tile", 48, "--exported", versions, "--label", "stable")
        result = ask(address, tmp_path / "a.png", "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), plain.labels(pixels))


@pytest.mark.parametrize(
    "options, told",
    [
        (("--exported", "1", "--version", 2), "1 is version 1, and the server answers version 2"),
        (("--exported", "1"), "1 is version 1, and the server answers version 2"),
        (("--exported", "."), "has no version 2, which the server answers"),
    ],
)
def test_export_of_another_version_than_answers_is_refused(plain, two, tmp_path, options, told):
    photo(tmp_path / "a.png", (74, 98))
    shutil.copytree(plain.folder, tmp_path / "cells" / "1")
    _, place, *version = options
    with serving(two, "grpc") as address:
        exported = ("--exported", tmp_path / "cells" / place)
        result = ask(
            address, tmp_path / "a.png", "--out", tmp_path / "out", "--tile", 48, *exported, *version
        )
    assert result.exit_code == 2 and told in result.output, result.output


def test_image_of_which_a_tile_is_refused_is_listed_and_the_others_are_written(plain, tmp_path):
    photo(tmp_path / "a.png", (74, 98))
    photo(tmp_path / "b.png", (74, 98), seed=1)
    contents = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(contents[: len(contents) // 2])
    with serving(plain.double, "grpc") as address:
        options = ("--tile", 48, "--exported", plain.folder)
        result = ask(address, tmp_path / "a.png", tmp_path / "b.png", "--out", tmp_path / "out", *options)
    assert result.exit_code == 1 and "a.png is damaged or truncated" in result.output, result.output
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["b.png"]


def test_export_of_a_segmenter_tells_its_needs(monkeypatch):
    segmenter = build("unet", 3, 3, head="softmax", base_width=2, depth=1)
    source = SimpleNamespace(segmenter=lambda post_tv, gap: segmenter, weights="ab", stride=2)
    told = {}
    monkeypatch.setattr("tfapp.export.export", lambda *_, **options: told.update(options["metadata"]))
    export_segmenter(source, "cells", None, ["a", "b", "c"], post_tv=None, gap=False, facts={})
    assert told["tiling"] == needs_of(segmenter)._asdict()
