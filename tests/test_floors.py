"""The house's floors: no import runs up, and the ground can be used without the application."""

import ast
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
TASKS = {"segmentation", "landscape", "solvers", "pose", "transfer"}
# What every task may stand on that trains networks.
GROUND = {"runs", "run_folder", "run_record", "data", "models", "errors", "files", "result_text", "layers"}
PAGES = {"html_markup", "html_shell"}
MAY_IMPORT = {
    "layers": {"layers"},
    "optimizers": {"optimizers"},
    "export": {"export", "layers"},
    "tfapp/data": {"data", "errors", "files", "models"},
    "tfapp/models": {"models", "errors", "files", "layers"},
    "tfapp/segmentation": GROUND | {"segmentation", "checkpoints", "keras_file", "optimizers"},
    "tfapp/landscape": {"landscape", "dask_workers", "errors", "files", "layers", "result_text", "summaries"},
    "tfapp/solvers": GROUND | {"solvers", "dask_workers", "optimizers", "png_file", "summaries"},
    "tfapp/pose": GROUND | {"pose", "checkpoints", "html_page", "optimizers", "png_file", "summaries"},
    "tfapp/transfer": GROUND | PAGES | {"transfer", "checkpoints", "keras_loading", "optimizers", "png_file"},
    "tfapp/report": GROUND - {"layers"} | PAGES | {"report", "checkpoints", "export", *TASKS},
}


def imported_parts(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.split(".")[1] for name in names if name and name.startswith("tfapp."))


@pytest.mark.parametrize("floor", MAY_IMPORT)
def test_no_import_runs_up(floor):
    for file in (ROOT / floor).rglob("*.py"):
        forbidden = set(imported_parts(file)) - MAY_IMPORT[floor]
        assert not forbidden, f"{file.relative_to(ROOT)} imports {forbidden}"


def test_layers_need_nothing_else_of_tfapp():
    code = (
        "import sys, tfapp.layers; "
        "print(sorted(m for m in sys.modules if m.startswith('tfapp.') and not m.startswith('tfapp.layers')))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n"


def test_public_names_of_the_layers():
    import tfapp.layers

    assert tfapp.layers.__all__ == [
        "CropLike",
        "FeatureTransfer",
        "HiddenPointRemoval",
        "MaxPoolWithIndices",
        "MaxUnpooling2D",
        "PadToStride",
        "Regularised",
        "RigidTransform",
        "Rotation",
        "TVLayer",
        "TVProblem",
        "TVReLU",
        "TVSigmoid",
        "TVSoftmax",
        "axis_angle_from_rotation",
        "chamfer_distance",
        "edge_weights",
        "hidden_point_mask",
        "nearest_distances",
        "ortho6d_from_rotation",
        "quaternion_from_rotation",
        "regularise",
        "regularise_logits",
        "rigid_transform",
        "rotation_from_axis_angle",
        "rotation_from_ortho6d",
        "rotation_from_quaternion",
        "total_variation",
        "with_gap",
    ]


def test_every_folder_with_code_is_installed(monkeypatch):
    # setuptools itself is there only while something is being built.
    given = {}
    monkeypatch.setitem(
        sys.modules, "setuptools", SimpleNamespace(setup=lambda **options: given.update(options))
    )
    runpy.run_path(str(ROOT / "setup.py"))
    folders = {file.parent.relative_to(ROOT).as_posix() for file in ROOT.glob("tfapp/**/*.py")}
    expected = {folder.replace("/", ".") for folder in folders} | {
        "tfapp.layers",
        "tfapp.optimizers",
        "tfapp.export",
    }
    assert set(given["packages"]) == expected
