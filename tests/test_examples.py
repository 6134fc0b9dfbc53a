"""Every example in the texts and in the docstrings runs, prints what is claimed, and names what exists."""

import ast
import contextlib
import doctest
import functools
import importlib
import io
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app

ROOT = Path(__file__).parents[1]
NAMES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in NAMES}
PROSE = TEXTS | {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md", "results/README.md")
}

# A block that needs files or minutes stands below a comment which says why it is only compiled.
FENCED = re.compile(r"(?:<!-- compiled only: (?P<reason>.+?) -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)
BLOCKS = {name: list(FENCED.finditer(text)) for name, text in TEXTS.items()}
RUNNING = {
    name: [block["code"] for block in blocks if not block["reason"]] for name, blocks in BLOCKS.items()
}

# Folders of source by the package that each is imported as.
PACKAGES = {
    "layers": "tfapp.layers",
    "optimizers": "tfapp.optimizers",
    "export": "tfapp.export",
    "tfapp": "tfapp",
}
SOURCES = [path.relative_to(ROOT) for folder in PACKAGES for path in sorted((ROOT / folder).rglob("*.py"))]
PROMPT = re.compile(r"^ +>>> ", re.MULTILINE)
WITH_DOCTESTS = [path for path in SOURCES if PROMPT.search((ROOT / path).read_text(encoding="utf-8"))]

COMMANDS = [
    pytest.param(command, id=f"{name}: {command}")
    for name, text in TEXTS.items()
    for command in re.findall(r"^(tfapp .+?)\s*(?:#.*)?$", "".join(text.split("```")[1::2]), re.MULTILINE)
]
GROUPS = ("data", "detect", "pose", "reproduce", "solvers", "transfer")


@pytest.fixture(scope="module")
def run_examples(tmp_path_factory):
    """Return a function that runs the blocks of a text, once in all tests.

    They run in order, in one namespace and one empty folder. It returns the lines that each printed, and
    the folder.
    """

    @functools.cache
    def run(name):
        folder, namespace, printed = tmp_path_factory.mktemp("examples"), {}, []
        with working_folder(folder):
            for code in RUNNING[name]:
                output = io.StringIO()
                with contextlib.redirect_stdout(output):
                    exec(compile(code, name, "exec"), namespace)
                printed.append(output.getvalue().splitlines())
        return printed, folder

    return run


@pytest.mark.parametrize("path", WITH_DOCTESTS, ids=str)
def test_docstring_examples_give_what_they_say(path):
    module = importlib.import_module(module_name(path))
    tests = doctest.DocTestFinder().find(module)
    runner, report = doctest.DocTestRunner(), io.StringIO()
    for test in tests:
        runner.run(test, out=report.write)
    assert not runner.failures, report.getvalue()
    # A decorator must not hide an example.
    assert runner.tries == len(PROMPT.findall((ROOT / path).read_text(encoding="utf-8")))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if RUNNING[name]])
def test_fenced_examples_run(run_examples, name):
    printed, _ = run_examples(name)
    assert len(printed) == len(RUNNING[name])


@pytest.mark.parametrize("name", [name for name in NAMES if BLOCKS[name]])
def test_fenced_examples_compile_and_import_what_exists(name):
    for block in BLOCKS[name]:
        for node in ast.walk(ast.parse(block["code"], name)):
            if isinstance(node, ast.Import):
                assert all(importlib.import_module(alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


def test_readme_fits_three_screens():
    assert TEXTS["README.md"].count("\n") <= 150


@pytest.mark.slow
def test_segmentation_example_prints_the_accuracies_that_the_text_claims(run_examples):
    [lines], _ = run_examples("README.md")
    accuracies = [float(line.split()[1]) for line in lines]
    claimed = re.search(r"accuracy of ([\d.]+) .* and ([\d.]+) ", TEXTS["README.md"]).groups()
    assert accuracies == pytest.approx([float(text) for text in claimed], abs=5e-3)


@pytest.mark.slow
def test_landscape_example_measures_about_as_many_points_as_the_text_claims(run_examples):
    [[line], *_], folder = run_examples("docs/landscapes.md")
    measured, error = line.split()
    claimed = re.search(r"prints that (\d+) of the 1,089 points", TEXTS["docs/landscapes.md"])[1]
    assert int(measured) <= 1.5 * int(claimed) and float(error) <= 0.01
    assert {"surface.npz", "surface.png", "surface.html"} <= {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_bpgrad_example_prints_the_accuracy_that_the_text_claims(run_examples):
    [[line], *_], _ = run_examples("docs/solvers.md")
    claimed = re.search(r"prints an accuracy of ([\d.]+), the smallest loss", TEXTS["docs/solvers.md"])[1]
    assert float(line.split()[0]) == pytest.approx(float(claimed), abs=0.01)


@pytest.mark.slow
def test_bounds_example_prints_the_numbers_that_the_text_claims(run_examples):
    [_, [line], *_], folder = run_examples("docs/solvers.md")
    claimed = re.search(r"prints `(lipschitz .+?)`", TEXTS["docs/solvers.md"])[1]
    assert line.split()[::2] == claimed.split()[::2]
    numbers = [[float(text) for text in words.split()[1::2]] for words in (line, claimed)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.5)
    assert {"bounds.csv", "bounds.png"} <= {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_certificate_example_prints_the_line_that_the_text_claims(run_examples):
    printed, _ = run_examples("docs/solvers.md")
    # Evaluations, minimum and two bounds.
    [[line]] = [lines for lines in printed if len(lines) == 1 and len(lines[0].split()) == 4]
    assert f"prints `{line}`" in TEXTS["docs/solvers.md"]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_in_the_texts_exist(command):
    words = [word for word in shlex.split(command)[1:] if word != "COMMAND"]
    options = {word for word in words if word.startswith("--")} - {"--help"}
    name = words[:2] if words[0] in GROUPS else words[:1]
    if words[0] == "export":
        name = words[:2] if words[1] in ("client", "config", "verify") else ["export", "write"]
    result = CliRunner().invoke(app, [*name, "--help"], env={"COLUMNS": "300"})
    assert result.exit_code == 0
    assert all(option in result.output for option in options)


@pytest.mark.parametrize("name", PROSE)
def test_links_lead_to_files(name):
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PROSE[name])
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (ROOT / name).parent.joinpath(target).exists()] == []


@pytest.mark.parametrize("name", PROSE)
def test_dotted_names_exist(name):
    # The changelog also tells what a thing was called before.
    text = re.sub(r"`[\w.]+` is now ", "", PROSE[name])
    assert [
        dotted for dotted in sorted(set(re.findall(r"\btfapp(?:\.\w+)+", text))) if not exists(dotted)
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PROSE)
def test_paths_of_code_exist(name):
    folders = "benchmarks|docs|examples|export|layers|optimizers|tests|tfapp"
    paths = re.findall(rf"(?<![\w/.<>-])((?:{folders})/[\w./-]*\.(?:py|md))", PROSE[name])
    assert [path for path in paths if not (ROOT / path).exists()] == []


def module_name(path):
    """Return the name under which a source file is imported."""
    folder, *below = path.with_suffix("").parts
    return ".".join([PACKAGES[folder], *below]).removesuffix(".__init__")


def exists(dotted):
    """Whether a dotted name is a module, or an attribute of one or of its classes."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for name in parts[count:]:
            found = getattr(found, name, None)
        return found is not None
    return False


@contextlib.contextmanager
def working_folder(folder):
    """Work in a folder for a while; `contextlib.chdir` came with Python 3.11."""
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    try:
        yield
    finally:
        patch.undo()
