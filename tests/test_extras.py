"""What a plain `pip install tfapp` does, and what it says of the libraries that extras bring."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tfapp.lazy_names import EXTRAS, missing_library

ROOT = Path(__file__).parents[1]
FOLDERS = ("layers", "optimizers", "export", "tfapp")
# What install_requires has, what comes with it, and the package itself. TensorFlow brings Google's protobuf.
BASE = {"google", "keras", "numpy", "scipy", "tensorflow", "tfapp", *sys.stdlib_module_names}
# Keras and TensorFlow bring some libraries of extras, too.
BROUGHT = ("grpc", "h5py", "rich")
# In front of a program: none of the other libraries of extras can be imported.
BLOCKED = """
import sys
from tfapp.lazy_names import EXTRAS

class Blocking:
    names = {library for libraries in EXTRAS.values() for library in libraries} - {OTHERS}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocking())
"""


def imported(folder, top):
    """Return {library: files} of the imports of a folder, of those at the top of files alone or of all."""
    found = {}
    for file in (ROOT / folder).rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in tree.body if top else ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            for name in names:
                found.setdefault(name.partition(".")[0], []).append(file.name)
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_library_comes_with_the_package_or_with_a_named_extra(folder):
    known = BASE | {library for libraries in EXTRAS.values() for library in libraries}
    assert {
        library: files for library, files in imported(folder, False).items() if library not in known
    } == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_libraries_of_other_extras_than_app_are_imported_where_they_are_used(folder):
    known = BASE | set(EXTRAS["app"])
    assert {library: files for library, files in imported(folder, True).items() if library not in known} == {}


@pytest.mark.parametrize("folder", ["layers", "optimizers"])
def test_layers_and_optimizers_take_nothing_else_to_be_imported(folder):
    assert set(imported(folder, True)) <= BASE


def test_extras_are_those_of_setup_py():
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert [extra for extra in EXTRAS if extra != "app" and f'    "{extra}": [' not in text] == []


def test_library_that_is_no_extra_is_not_told():
    assert missing_library(ModuleNotFoundError("no", name="elsewhere.inner"), "x") is None


def run(code, kept=()):
    """Run a program without the libraries of extras, but for `kept`."""
    program = BLOCKED.replace("{OTHERS}", repr({*BROUGHT, *kept})) + code
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_layers_and_solvers_train_with_a_plain_install():
    code = """
import keras, numpy as np
from tfapp.layers import TVSoftmax
from tfapp.optimizers import BPGrad
images = keras.Input((8, 8, 1))
model = keras.Model(images, TVSoftmax(tv_weight=1.0)(keras.layers.Conv2D(2, 3, padding="same")(images)))
model.compile(BPGrad(50.0), "sparse_categorical_crossentropy")
model.fit(np.zeros((2, 8, 8, 1)), np.zeros((2, 8, 8), int), verbose=0)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_command_says_which_extra_it_takes():
    done = run("from tfapp.__main__ import main; main()")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == (
        'The command tfapp takes typer, which is not installed: pip install "tfapp[app]".'
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["landscape.save_html", "data.read_image", "export.export", "models"])
def test_name_of_the_library_says_which_extra_it_takes(name):
    package, _, what = name.partition(".")
    done = run(f"import tfapp.{package}; tfapp.{package}.{what or '__name__'}")
    assert done.returncode == 1 and 'which is not installed: pip install "tfapp[app]".' in done.stderr


@pytest.mark.slow
def test_surface_is_measured_with_app_alone(tmp_path):
    code = f"""
import keras, numpy as np
from tfapp.landscape import landscape, save_surface_png
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile("sgd", "mse")
surface = landscape(model, np.ones((4, 3)), np.ones((4, 2)), n=5)
save_surface_png(surface, {str(tmp_path / "surface.png")!r})
import tfapp.cli.main
"""
    done = run(code, EXTRAS["app"])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "surface.png").is_file()
