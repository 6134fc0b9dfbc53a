"""Options in a file, or of an earlier run: `--config`."""

import json
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli.config_file import ConfigFile
from tfapp.cli.console import GuardedGroup
from tfapp.cli.options import typed

app = typer.Typer(cls=GuardedGroup)
WORDS = "work SPEC"


@app.callback()
def main():
    """A group, as the command line is one."""


def work(
    context: typer.Context,
    spec: str,
    out: Annotated[str, typer.Option()],
    epochs: int = 5,
    learning_rate: float = 0.1,
    seeds: str = "0",
    noise: Annotated[list[str] | None, typer.Option("--train-noise")] = None,
    crop: Annotated[bool, typer.Option("--crop/--no-crop")] = True,
    overwrite: bool = False,
    config_file: ConfigFile = None,
):
    """Print the options, and the command as a run keeps it."""
    values = {**context.params, "typed": typed(context)}
    print(
        json.dumps({name: value for name, value in values.items() if name not in ("context", "config_file")})
    )


app.command("work")(work)


def run(*words, code=0):
    result = CliRunner().invoke(app, ["work", *map(str, words)], prog_name="tfapp")
    assert result.exit_code == code, result.output
    return json.loads(result.output.splitlines()[-1]) if code == 0 else " ".join(result.output.split())


@pytest.fixture
def write(tmp_path):
    def written(text, name="mine.yaml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return written


def test_file_gives_arguments_and_options_of_every_kind(write):
    file = write(
        "spec: folder:x\nout: runs/a\nepochs: 7\nlearning-rate: 1e-3\nseeds: [1, 2]\ntrain_noise: [a, b]\ncrop: false\n"
    )
    found = run("--config", file)
    assert (found["spec"], found["out"], found["epochs"], found["learning_rate"]) == (
        "folder:x",
        "runs/a",
        7,
        1e-3,
    )
    assert (found["seeds"], found["noise"], found["crop"]) == ("1,2", ["a", "b"], False)


def test_what_is_typed_wins_and_null_is_the_default(write):
    found = run(
        "y", "--out", "b", "--epochs", 9, "--config", write("epochs: 7\nspec: x\nlearning_rate: null\n")
    )
    assert (found["spec"], found["epochs"], found["learning_rate"]) == ("y", 9, 0.1)


def test_json_is_read_too(write):
    assert run("x", "--out", "b", "--config", write('{"epochs": 8}', "mine.json"))["epochs"] == 8


def test_command_that_a_run_keeps_needs_no_file(write):
    file = write("epochs: 7\nseeds: [1, 2]\ntrain-noise: [a, b]\ncrop: false\n")
    found = run("x", "--out", "b", "--config", file)
    assert (
        found["typed"]
        == "tfapp work x --out b --epochs 7 --seeds 1,2 --train-noise a --train-noise b --no-crop"
    )
    again = run(*found["typed"].split()[2:])
    assert again == found


def test_options_of_an_earlier_run_are_taken_but_for_its_folder(tmp_path):
    (tmp_path / "a").mkdir()
    command = f"tfapp work x --out {tmp_path}/a --epochs 7 --overwrite --no-crop"
    (tmp_path / "a" / "run.json").write_text(json.dumps({"command": command}))
    found = run("--config", tmp_path / "a", "--out", "b", "--seeds", 3)
    assert (found["spec"], found["out"], found["epochs"], found["seeds"]) == ("x", "b", 7, "3")
    assert (found["crop"], found["overwrite"]) == (False, False)
    assert "Missing option '--out'" in run("--config", tmp_path / "a", code=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoch: 3", "'epoch', which is no option of tfapp work; did you mean epochs?"),
        ("zzz: 3", "no option of tfapp work; --help lists them."),
        ("epochs: {a: 1}", "expected a number, a text or a list of them"),
        ("epochs: x", "epochs"),
        ("seeds: []", "expected a list of numbers or texts"),
        ("crop: 1", "expected true or false"),
        ("seeds: no", "write texts such as no and yes in quotes"),
        ("train-noise: a\nnoise: b", "gives --train-noise twice"),
        ("- 1", "holds list; expected lines such as `epochs: 30`"),
        ("", "holds NoneType"),
        ("a: &b 1\nc: *b", "it has aliases"),
        ("a: [", "is no YAML"),
        ("a: !!python/object/apply:os.system ['true']", "is no YAML"),
        ("\0", "is no YAML"),
    ],
)
def test_file_that_is_none_is_refused_in_a_sentence(text, words, write):
    told = run("x", "--out", "b", "--config", write(text), code=2)
    assert words in told and "Traceback" not in told


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, "it has no run.json; expected a run or a file for --config"),
        (
            '{"command": "tfapp train x"}',
            "is of another command than tfapp work: it was made by tfapp train x",
        ),
        ("{", "is damaged"),
    ],
)
def test_folder_that_is_no_such_run_is_refused(record, words, tmp_path):
    if record:
        (tmp_path / "run.json").write_text(record)
    assert words in run("x", "--out", "b", "--config", tmp_path, code=2)


def test_missing_file_is_refused(tmp_path):
    assert "cannot be read (No such file" in run(
        "x", "--out", "b", "--config", tmp_path / "none.yaml", code=2
    )
