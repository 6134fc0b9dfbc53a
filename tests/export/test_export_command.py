from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli import export as command
from tfapp.errors import InputError

# Wide enough that no path of a temporary folder is folded.
WIDE = {"COLUMNS": "400", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def tfapp():
    """Function that calls `tfapp ARGUMENTS`, with the group mounted as in the application."""
    app = typer.Typer()
    app.add_typer(command.app, name="export")
    app.command()(lambda: None)

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], env=WIDE)
        if isinstance(result.exception, ValueError):
            raise result.exception
        return SimpleNamespace(code=result.exit_code, text=result.output)

    return call


@pytest.fixture
def trained(monkeypatch, tmp_path, build_net):
    """A run folder as the application reads it, of a model that takes any size by itself."""
    import keras
    import tensorflow as tf

    from tfapp.segmentation import run as runs

    class Padded(keras.layers.Layer):
        def call(self, images):
            height, width = tf.unstack(tf.shape(images)[1:3])
            return tf.pad(images, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]], "SYMMETRIC")

    class Cropped(keras.layers.Layer):
        def call(self, outputs, images):
            return outputs[:, : tf.shape(images)[1], : tf.shape(images)[2]]

    images = keras.Input((None, None, 3))
    segmenter = keras.Model(images, Cropped()(build_net()(Padded()(images)), images))

    class Trained(runs.Run):
        stride = 2
        weights = "ab" * 32

        def metrics(self):
            return {"accuracy": 0.5}

        def segmenter(self, post_tv=None, *, gap=False):
            return segmenter

    data = {"class_names": ["a", "b", "c"], "fingerprint": "sha256:12"}
    run = Trained(tmp_path / "run", {"config": {"model": "unet", "steps": 10}, "data": data})
    monkeypatch.setattr(runs.Run, "open", classmethod(lambda cls, path: run))
    return run


@pytest.mark.slow
def test_run_is_exported_checked_and_the_next_commands_are_shown(tfapp, trained, tmp_path):
    shown = tfapp("export", trained.path, tmp_path / "served", "--version", 4)
    assert shown.code == 0
    assert f"tfapp export verify {tmp_path / 'served' / '4'}" in shown.text
    assert "docker run" in shown.text
    assert "serving_bytes" in shown.text and "100.00%" in shown.text
    assert (tmp_path / "served" / "4" / "saved_model.pb").is_file()
    with pytest.raises(InputError, match="Version 4 already exists"):
        tfapp("export", "--version", 4, trained.path, tmp_path / "served")


def test_help_names_the_three_uses(tfapp):
    shown = tfapp("export", "--help")
    assert shown.code == 0
    assert "RUN BASE_DIR | verify DIR | show DIR" in shown.text
    assert "[--version N]" in shown.text


def test_show_prints_signatures_labels_and_commands(tfapp, exported):
    shown = tfapp("export", "show", exported.base)
    assert shown.code == 0
    for expected in (
        "image_bytes",
        "(?, ?, ?, 3)",
        "0 background, 1 cell",
        "saved_model_cli run",
        "curl -d @-",
    ):
        assert expected in shown.text


def test_verify_of_no_saved_model_is_an_input_error(tfapp, tmp_path):
    with pytest.raises(InputError, match="is not a SavedModel"):
        tfapp("export", "verify", tmp_path)


@pytest.mark.parametrize(("failures", "code"), [((), 0), (("a.txt is missing.",), 1)])
def test_exit_code_of_verify_tells_whether_it_passed(tfapp, tmp_path, monkeypatch, failures, code):
    from tfapp.export import SignatureParity, VerificationReport, verification

    parity = SignatureParity("serving_default", 2, 1e-7, 1.0)
    report = VerificationReport(tmp_path, 1e-5, (parity,), failures=failures, notes=("a note",))
    monkeypatch.setattr(verification, "verify", lambda directory, engine: report)
    shown = tfapp("export", "verify", tmp_path)
    assert shown.code == code
    assert ("a.txt is missing." in shown.text) == bool(failures)
    assert "1.0e-07" in shown.text and "a note" in shown.text


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ((), {}),
        (("--status",), {"status": True}),
        (("--max-pixels", 1_000_000), {"max_pixels": 1_000_000}),
    ],
)
def test_limit_and_status_reach_the_export_where_they_are_typed(tfapp, tmp_path, monkeypatch, options, given):
    received = {}

    def export(base_dir, version, *, post_tv, gap, classes, **serving):
        received.update(serving)

    source = SimpleNamespace(export=export, after_export=(), export_remarks=())
    monkeypatch.setattr(command, "open_source", lambda *arguments: source)
    monkeypatch.setattr(command, "print_exported", lambda *arguments: None)
    assert tfapp("export", tmp_path, tmp_path / "served", *options).code == 0
    assert received == given
