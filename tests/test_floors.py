"""The house's floors: no import runs up, and the ground can be used without the application."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Modules at the top of tfapp/ that every room inside it may use.
SHARED = {
    "archives",
    "average_precision",
    "claims",
    "errors",
    "files",
    "lazy_names",
    "packed",
    "records",
    "workers",
}
BELOW_TASKS = SHARED | {"layers", "optimizers", "export", "data", "models", "report", "landscape", "runs"}
TASKS = {"segmentation", "detection", "pose", "solvers", "transfer"}
MAY_IMPORT = {
    "layers": set(),
    "optimizers": set(),
    "export": {"layers", "archives", "errors", "files", "lazy_names", "records"},
    "report": SHARED,
    "data": SHARED,
    "models": SHARED | {"layers", "data"},
    "landscape": SHARED | {"layers", "optimizers", "report"},
    "runs": SHARED | {"optimizers", "data", "models", "report", "landscape"},
    **dict.fromkeys(sorted(TASKS), BELOW_TASKS),
    "reproduce": BELOW_TASKS | TASKS,
    "cli": BELOW_TASKS | TASKS | {"reproduce"},
}


def modules():
    """Return the files of the package by the name that each is imported under."""
    folders = {"tfapp": "tfapp", **{f"tfapp.{name}": name for name in ("layers", "optimizers", "export")}}
    found = {}
    for package, folder in folders.items():
        for file in (ROOT / folder).rglob("*.py"):
            below = file.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join([package, *below]).removesuffix(".__init__")] = file
    return found


def imported_modules(file, known):
    """Yield the modules of `known` that a file imports, at its top or inside its functions."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


@pytest.fixture(scope="module")
def imports():
    """From the name of every module to the names of those that it imports."""
    known = modules()
    return {name: set(imported_modules(file, known)) - {name} for name, file in known.items()}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_no_import_runs_up(imports, room):
    allowed = MAY_IMPORT[room] | {room}
    inside = {name: found for name, found in imports.items() if f"{name}.".startswith(f"tfapp.{room}.")}
    upward = {
        (name, other)
        for name, found in inside.items()
        for other in found
        if other != "tfapp" and other.split(".")[1] not in allowed
    }
    assert inside and not upward


def test_every_room_has_its_floor():
    rooms = {name.split(".")[1] for name in modules() if name != "tfapp"}
    assert rooms == set(MAY_IMPORT) | SHARED | {"__main__"}


def test_imports_have_no_circle(imports):
    # Modules that import nothing of what is left, or that nothing left imports, are in no circle.
    left = dict(imports)
    while True:
        imported = set().union(*left.values()) if left else set()
        free = {name for name, found in left.items() if not found & left.keys() or name not in imported}
        if not free:
            break
        left = {name: found for name, found in left.items() if name not in free}
    assert not left


@pytest.mark.slow
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
        "ClassDistances",
        "CropLike",
        "FeatureTransfer",
        "HiddenPointRemoval",
        "LinearOperator",
        "MaxPoolWithIndices",
        "MaxUnpooling2D",
        "NonLocalDifferences",
        "PadToStride",
        "Potential",
        "Regularised",
        "RigidTransform",
        "RoIAlign",
        "RoIPool",
        "Rotation",
        "SecondDifferences",
        "SoftThresholdDynamics",
        "TVActivation",
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
        "register_potential",
        "regularise",
        "regularise_logits",
        "rigid_transform",
        "roi_align",
        "roi_pool",
        "rotation_from_axis_angle",
        "rotation_from_ortho6d",
        "rotation_from_quaternion",
        "total_variation",
        "with_gap",
    ]


def test_every_folder_with_code_is_installed():
    # setup.py installs every folder that is a package.
    folders = {file.parent for file in modules().values()}
    assert all((folder / "__init__.py").is_file() for folder in folders)
