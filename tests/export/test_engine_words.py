"""Engines that cannot be asked: what is missing is told in a sentence, before anything is written."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from tfapp.cli import export as command
from tfapp.errors import InputError
from tfapp.export import ExportError, verify
from tfapp.export.engines.catalogue import ENGINES, ONNX, OPENVINO, checked_formats
from tfapp.pose.scenes_run import refuse_image_options


def test_missing_file_of_an_engine_is_told(exported):
    with pytest.raises(ExportError, match="has no assets.extra/model.onnx for ONNX; export again with it"):
        verify(exported.folder, "onnx")


def test_unknown_engine_is_told(exported):
    with pytest.raises(ExportError, match="Unknown engine 'torch'; choose one of: session, onnx"):
        verify(exported.folder, "torch")


@pytest.mark.parametrize(("engine", "extra"), [(ONNX, "onnx"), (OPENVINO, "openvino")])
def test_missing_package_names_its_extra(engine, extra):
    with pytest.raises(ExportError, match=rf"needs {engine.runs[0]}: pip install tfapp\[{extra}\]"):
        engine.check_installed(engine.runs, found=lambda name: None)


@pytest.mark.parametrize("formats", [("onnx", "torch"), "onnx"])
def test_unknown_format_is_told(formats):
    with pytest.raises(ExportError, match=r"`formats` must be some of \['onnx', 'tflite'\]"):
        checked_formats(formats)


def test_dynamic_range_is_told_not_judged():
    assert ENGINES["tflite-dynamic"].accepted(1e-5) == float("inf")
    assert replace(ENGINES["tflite-dynamic"], is_exact=True).accepted(1e-5) == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("flags", "formats"),
    [(["--onnx"], ("onnx",)), (["--tflite"], ("tflite",)), (["--tflite", "--onnx"], ("onnx", "tflite"))],
)
def test_flags_of_the_command_name_the_formats(monkeypatch, tmp_path, flags, formats):
    asked = []

    def export(*arguments, **serving):
        asked.append(serving["formats"])
        raise InputError("far enough")

    source = SimpleNamespace(serves_refined=False, export=export)
    monkeypatch.setattr(command, "open_source", lambda *arguments: source)
    result = CliRunner().invoke(command.app, ["runs/mine", str(tmp_path / "served"), *flags])
    assert asked == [formats], result.output


def test_poses_are_refused_by_the_flag():
    with pytest.raises(
        InputError, match="`onnx` is for segmenters and runs of transfer; poses are served by"
    ):
        refuse_image_options({"formats": ("onnx",)})
