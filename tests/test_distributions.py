"""Wheel and source distribution: they have what they should, and what is installed from the wheel works."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("build", reason="the package build makes distributions")
ROOT = Path(__file__).parents[1]
PACKAGES = {
    "tfapp": "tfapp",
    "layers": "tfapp/layers",
    "optimizers": "tfapp/optimizers",
    "export": "tfapp/export",
}
# Of the folder itself; `runs` is a room, too.
LEFT_OUT = {".git", ".venv", "build", "dist", "runs", "site", "tfapp.egg-info", ".hypothesis"}


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Paths of the wheel and of the source distribution, built from a copy."""
    folder = tmp_path_factory.mktemp("distributions")
    copy = shutil.copytree(ROOT, folder / "copy", ignore=_left_out)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(copy)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    return next((folder / "dist").glob("*.whl")), next((folder / "dist").glob("*.tar.gz"))


def _left_out(folder, names):
    found = LEFT_OUT if Path(folder) == ROOT else {"__pycache__"}
    return [name for name in names if name in found]


def sources():
    """Return the files of the packages, as the wheel names them."""
    return {
        f"{inside}/{file.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in PACKAGES.items()
        for pattern in ("*.py", "*.json")
        for file in (ROOT / folder).rglob(pattern)
    }


@pytest.mark.slow
def test_wheel_has_the_packages_under_the_one_import_name_and_nothing_else(distributions):
    with zipfile.ZipFile(distributions[0]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == sources()


@pytest.mark.slow
def test_source_distribution_has_the_tests_and_the_texts(distributions):
    with tarfile.open(distributions[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    texts = {
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "CITATION.cff",
        "LICENSE",
        "Makefile",
        "constraints.txt",
    }
    tests = {file.relative_to(ROOT).as_posix() for file in (ROOT / "tests").rglob("*.py")}
    pages = {file.relative_to(ROOT).as_posix() for file in (ROOT / "docs").rglob("*.md")}
    assert texts | tests | pages <= names


@pytest.mark.slow
def test_what_is_installed_from_the_wheel_is_imported_and_has_the_command(distributions, tmp_path):
    options = ["--quiet", "--no-deps", "--target", str(tmp_path / "installed")]
    command = [sys.executable, "-m", "pip", "install", *options, str(distributions[0])]
    installed = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert installed.returncode == 0, installed.stderr
    code = (
        "import sys; sys.path.insert(0, 'installed'); import tfapp, tfapp.layers, tfapp.optimizers, tfapp.export; "
        "from tfapp.reproduce.tv import published; print(tfapp.__file__, tfapp.layers.__file__)"
    )
    # The finder of an editable install comes behind sys.path.
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    places = done.stdout.split()
    assert all(place.startswith("installed") or str(tmp_path) in place for place in places), places
    assert list((tmp_path / "installed" / "bin").glob("tfapp*"))
