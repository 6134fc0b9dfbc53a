"""The commands as a person types them, in one process but through the whole command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image
from typer.testing import CliRunner

from tfapp.cli.main import app

TINY = (
    "--base-width 4 --depth 2 --epochs 1 --steps-per-epoch 2 --batch-size 2 --resize 32 --augment flips "
    "--test-share 0.4 --validation-share 0.2"
).split()


def tfapp(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result):
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory):
    """A person's own data: six photos of two sizes with masks."""
    import numpy as np

    from tests.conftest import draw_discs

    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("own data")
    for kind in ("images", "masks"):
        (root / kind).mkdir()
    for index in range(6):
        labels = draw_discs(rng, (40, 48 + 8 * (index % 2)), 3)
        picture = np.stack([60 * labels + 40, 200 - 70 * labels, 30 * labels + 90], -1).astype(np.uint8)
        Image.fromarray(picture).save(root / "images" / f"photo {index}.jpg", quality=95)
        Image.fromarray(labels.astype(np.uint8)).save(root / "masks" / f"photo {index}.png")
    return root


@pytest.fixture(scope="module")
def own_run(own_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "my run"
    result = tfapp("train", f"folder:{own_folder}", "--out", out, "--head", "softmax", *TINY)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def own_model(tmp_path_factory):
    """A person's own network, which takes values up to 255 and sizes that are multiples of 4."""
    import keras

    layers = keras.layers
    inputs = keras.Input((None, None, 3))
    x = fine = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(inputs))
    x = layers.UpSampling2D(4)(layers.MaxPooling2D(4)(x))
    x = layers.Conv2D(3, 1, activation="softmax")(layers.Concatenate()([fine, x]))
    path = tmp_path_factory.mktemp("models") / "my net.keras"
    keras.Model(inputs, x).save(path)
    return path


@pytest.mark.slow
def test_help_loads_none_of_the_slow_libraries():
    heavy = {"tensorflow", "keras", "matplotlib", "scipy"}
    code = f"import sys, tfapp.cli.main; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_every_command_has_a_help_page():
    for command in (
        "train",
        "lr-find",
        "evaluate",
        "predict",
        "landscape",
        "export",
        "report",
        "demo",
        "data show",
    ):
        result = tfapp(*command.split(), "--help")
        assert result.exit_code == 0 and "Usage" in result.output


def test_data_show_prints_counts_and_writes_a_sheet(own_folder, tmp_path):
    result = tfapp("data", "show", f"folder:{own_folder}", "--out", tmp_path / "sheet.png")
    assert result.exit_code == 0
    assert "6 images" in said(result) and "48x40 (3), 56x40 (3)" in said(result) and "class 2" in said(result)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 300


@pytest.mark.slow
def test_evaluate_prints_and_writes_the_table(own_run):
    result = tfapp("evaluate", own_run, "--noise", "gaussian=0,0.05", "--post-tv", "1")
    assert result.exit_code == 0
    assert "Unet+TV(1)" in said(result) and "gaussian 0.05" in said(result)
    assert (own_run / "metrics.json").is_file()
    for name in ("noise-table.md", "noise-table.csv", "noise.png"):
        assert (own_run / "figures" / name).is_file()


@pytest.mark.slow
def test_evaluate_on_other_data_leaves_the_metrics_of_the_run(own_run, own_folder, tmp_path):
    tfapp("evaluate", own_run, "--noise", "gaussian=0")
    before = (own_run / "metrics.json").read_bytes()
    result = tfapp("evaluate", own_run, f"folder:{own_folder}", "--noise", "gaussian=0", "--out", tmp_path)
    assert result.exit_code == 0
    assert (own_run / "metrics.json").read_bytes() == before


@pytest.mark.slow
def test_table_of_named_data_stands_beside_that_of_the_run_and_has_its_test_images_alone(own_run, own_folder):
    tfapp("evaluate", own_run, "--noise", "gaussian=0")
    table = own_run / "figures" / "noise-table.md"
    before = table.read_text()
    result = tfapp("evaluate", own_run, f"folder:{own_folder}", "--noise", "gaussian=0,0.1")
    assert result.exit_code == 0, result.output
    assert "of its 6 images the 2 test image(s) of that run are taken" in said(result)
    assert table.read_text() == before
    (written,) = table.parent.glob("folder-own-data*/noise-table.md")
    # The same images: the row of clean ones has the same numbers.
    assert written.read_text().splitlines()[2] == before.splitlines()[2]
    assert written.read_text().endswith("Measured on 2 test image(s).\n")


@pytest.mark.slow
def test_evaluate_takes_a_keras_file_beside_a_run(own_model, own_run, own_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ("--noise", "gaussian=0", "--post-tv", "1", "--input-scale", "255")
    result = tfapp("evaluate", own_model, own_run, f"folder:{own_folder}", *arguments)
    assert result.exit_code == 0, result.output
    table = (tmp_path / "runs" / "my net-evaluation" / "noise-table.md").read_text()
    assert "my net mIoU | my net+TV(1) mIoU | Unet mIoU | Unet+TV(1) mIoU" in table
    assert list(own_model.parent.iterdir()) == [own_model]


def test_evaluate_tests_a_keras_file_on_the_images_of_the_run_beside_it(own_model, own_run, tmp_path):
    result = tfapp("evaluate", own_run, own_model, "--noise", "gaussian=0", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "my net" in (tmp_path / "noise-table.md").read_text()
    assert "my net" not in (own_run / "metrics.json").read_text()


@pytest.mark.slow
def test_keras_file_is_exported_with_tv_head_gap_and_names(own_model, tmp_path):
    arguments = ("--post-tv", "1", "--gap", "--classes", "a, b,c", "--input-scale", "255")
    result = tfapp("export", own_model, tmp_path / "served", *arguments)
    assert result.exit_code == 0, result.output
    assert "largest gap" in said(result)
    manifest = json.loads((tmp_path / "served" / "1" / "assets.extra" / "export.json").read_text())
    assert manifest["class_names"] == ["a", "b", "c"]
    facts = {
        "model_file": "my net.keras",
        "input_scale": 255.0,
        "resize": None,
        "network_stride": 4,
        "post_tv": 1.0,
    }
    # Beside the hash of the weights.
    assert {name: manifest["metadata"][name] for name in facts} == facts
    assert "certificate" in said(tfapp("export", "show", tmp_path / "served"))


@pytest.mark.slow
def test_class_names_of_a_keras_file_come_from_a_file(own_model, tmp_path):
    (tmp_path / "classes.txt").write_text("0 sky\n80 road\n200 car\n")
    result = tfapp("export", own_model, tmp_path / "served", "--classes", tmp_path / "classes.txt")
    assert result.exit_code == 0, result.output
    manifest = json.loads((tmp_path / "served" / "1" / "assets.extra" / "export.json").read_text())
    assert manifest["class_names"] == ["sky", "road", "car"]


def test_copy_of_a_run_is_refused_beside_it(own_run, tmp_path):
    copy = shutil.copytree(own_run, tmp_path / "copy")
    result = tfapp("evaluate", own_run, copy)
    assert result.exit_code == 2
    assert f"{copy} is a copy of {own_run}, its results would count twice" in said(result)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("evaluate {model}", "does not say what to test it on; name the data as the last argument"),
        ("evaluate {model} {model} cells:9:32", "Two files are called 'my net.keras'"),
        ("evaluate {run} {run}", "is given twice"),
        ("evaluate {model} cells:9:32 --model-output labels", "Unknown --model-output 'labels'"),
        ("evaluate {model} cells:9:32 --resize big", "--resize 'big' is not a size"),
        ("evaluate {run} --input-scale 255", "--model-output are for .keras files"),
        ("export {run} {tmp}/served --classes a,b,c", "--classes is for .keras files"),
        ("export {run} {tmp}/served --gap", "--gap is the certificate of a TV head"),
        ("export {model} {tmp}/served --classes a,b", "--classes names 2 classes; "),
        ('export {model} {tmp}/served --classes "a,b",c', "--classes names 2 classes; "),
        ('export {model} {tmp}/served --classes "a,b', "Expected names with commas between"),
        ("export {tmp}/none.keras {tmp}/served", "does not exist; expected a .keras file"),
    ],
)
def test_bad_use_of_a_keras_file_gets_one_sentence(own_model, own_run, tmp_path, arguments, sentence):
    names = {"model": own_model, "run": own_run, "tmp": tmp_path}
    result = tfapp(*(argument.format(**names) for argument in arguments.split()))
    assert result.exit_code == 2
    assert sentence in said(result)
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_predict_writes_labels_at_the_size_of_each_photo(own_run, own_folder, tmp_path):
    result = tfapp("predict", own_run, own_folder / "images", "--out", tmp_path / "labels")
    assert result.exit_code == 0
    with Image.open(tmp_path / "labels" / "photo 1.png") as labels:
        assert labels.size == (56, 40)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("train unknown --out {tmp}/run", "Unknown dataset 'unknown'; expected cells, wbc:PATH"),
        ("train folder:/no/such --out {tmp}/run", "Folder /no/such (of 'folder:/no/such') does not exist"),
        ("train folder:{tmp} --out {tmp}/run", "needs images/ and masks/"),
        ("train cells:9:32 --out {tmp}/run --model vnet", "Unknown model 'vnet'; choose one of: unet"),
        (
            "train cells:9:32 --out {tmp}/run --head relu",
            "Unknown head 'relu'; choose one of: softmax, tv-softmax",
        ),
        ("train cells:9:32 --out {tmp}/run --resize big", "--resize 'big' is not a size"),
        ("train cells:9:32 --out {tmp}/run --train-noise salt=0.1|fog=1", "Unknown noise 'fog=1'"),
        ("train cells:9:32 --out {tmp}/run --train-noise gaussian=0.1|", "a part is empty"),
        ("train cells:9:32 --out {tmp}/run --batch-size 9", "use --batch-size 6 or less"),
        ("evaluate {tmp}", "is not a run folder"),
        ("landscape {tmp}", "is not a run folder"),
        ("export {tmp} {tmp}/served", "is not a run folder"),
        ("export verify {tmp}", "saved_model.pb"),
        ("report {tmp}", "is not a run folder"),
        ("predict {tmp} {tmp} --out {tmp}/labels", "is not a run folder"),
        ("reproduce noise-table cells:9:32 --out {tmp}/t --seeds a", "--seeds 'a' is not understood"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(tmp_path, arguments, sentence):
    before = sorted(tmp_path.rglob("*"))
    result = tfapp(*(argument.format(tmp=tmp_path) for argument in arguments.split()))
    assert result.exit_code == 2
    assert sentence in said(result)
    assert "Traceback" not in result.output
    assert sorted(tmp_path.rglob("*")) == before


def test_unknown_noise_gets_one_sentence(own_run):
    result = tfapp("evaluate", own_run, "--noise", "poisson=0.1")
    assert result.exit_code == 2 and "Unknown noise 'poisson=0.1'" in said(result)


def test_range_that_is_none_gets_one_sentence(own_run):
    result = tfapp("landscape", own_run, "--range", "0")
    assert result.exit_code == 2 and "--range expects" in said(result) and "Traceback" not in result.output


def test_full_disk_gets_one_sentence(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device", str(tmp_path / "run.json"))

    monkeypatch.setattr("tfapp.files.os.replace", full)
    result = tfapp("train", "cells:9:32", "--out", tmp_path / "run", *TINY)
    assert result.exit_code == 2 and "The disk is full" in said(result)
    assert not list((tmp_path / "run").glob("*"))


def test_output_below_a_file_gets_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    result = tfapp("train", "cells:9:32", "--out", tmp_path / "file" / "run", *TINY)
    assert result.exit_code == 2 and "Traceback" not in result.output


@pytest.mark.slow
def test_interrupt_exits_with_130_and_the_run_goes_on(tmp_path):
    out = tmp_path / "run"
    # What a shell runs in the background ignores Ctrl-C, and what it starts would too.
    heed = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    start = heed + "runpy.run_module('tfapp', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", start, "train", "cells:20:32", "--out", str(out), *TINY]
    command[command.index("--epochs") + 1] = "200"
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not (out / "history.csv").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted; the same command resumes" in " ".join(complaint.split())
    epochs = len((out / "history.csv").read_text().splitlines()) - 1
    command[command.index("--epochs") + 1] = str(epochs + 1)
    finished = tfapp(*command[3:])
    assert finished.exit_code == 0
    assert len((out / "history.csv").read_text().splitlines()) - 1 == epochs + 1


def test_share_of_noisy_images_without_their_noise_is_refused(tmp_path):
    arguments = ["train", "cells:9:32", "--out", str(tmp_path / "run"), "--noisy-share", "0.5"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and "name that noise" in " ".join(result.output.split())
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_shell_completes_commands_and_options():
    words = {"transfer tr": "train", "train folder:x --learning-r": "--learning-rate"}
    for typed, completed in words.items():
        line = f"tfapp {typed}"
        variables = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
        environment = {**os.environ, "_TFAPP_COMPLETE": "complete_bash", **variables}
        command = [
            sys.executable,
            "-c",
            "import sys; sys.argv = ['tfapp']; from tfapp.__main__ import main; main()",
        ]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert completed in done.stdout.split()
