"""Commands that are printed to be copied: paths and names as a shell reads them."""

import io
import shlex

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from tfapp.cli.export import print_command, print_exported, warn_of_name
from tfapp.cli.options import typed
from tfapp.export.manifest import predict_address
from tfapp.runs.run import Run

SPACED = "served/my model"


def test_the_folder_of_a_run_is_one_word_of_a_command():
    assert shlex.split(f"tfapp evaluate {Run('runs/my run', {}).typed_path}")[2:] == ["runs/my run"]


def test_the_folder_of_a_run_has_quotes_only_where_it_needs_them():
    assert Run("runs/cells", {}).typed_path == "runs/cells"


@pytest.mark.parametrize("name", ["my model", "a:b", "50 %", "#1"])
def test_a_name_that_no_served_model_can_have_is_warned_of(name):
    with pytest.warns(UserWarning, match="is no word without spaces, /, :, \\? and #"):
        warn_of_name(name)


@pytest.mark.parametrize("name", ["cells", "zellen-größe", "v1.2"])
def test_a_name_that_a_served_model_can_have_is_not(name):
    warn_of_name(name)


def test_the_address_of_a_served_name_with_a_space_is_one_word_and_has_no_space():
    [word] = shlex.split(predict_address("my model"))
    assert word == "http://localhost:8501/v1/models/my%20model:predict"


def test_commands_after_an_export_name_its_folder_as_one_word(monkeypatch, tmp_path):
    import tfapp.export
    from tfapp.export import manifest

    folder = tmp_path / SPACED / "1"
    folder.mkdir(parents=True)
    served = {"name": "my model", "docker": "docker", "summary": (), "requests": ()}
    verification = {"signatures": {}, "tolerance": None}
    found = {"verification": verification, "warmup": {"note": None, "records": 0}}
    monkeypatch.setattr(manifest, "read_manifest", lambda folder: found)
    monkeypatch.setattr(tfapp.export, "describe", lambda folder: served)
    lines = _printed(lambda console: print_exported(console, folder))
    verify = next(line for line in lines if "export verify" in line)
    client = next(line for line in lines if "export client" in line)
    assert shlex.split(verify)[-1] == str(folder)
    assert shlex.split(client)[shlex.split(client).index("--model") + 1] == "my model"


def test_a_command_is_printed_as_it_is():
    assert _printed(lambda console: print_command(console, "tfapp evaluate '[my] run'")) == [
        "  tfapp evaluate '[my] run'"
    ]


def _printed(function):
    written = io.StringIO()
    function(Console(width=40, file=written))
    return written.getvalue().splitlines()


def test_typed_command_has_every_value_of_an_option_that_stands_several_times():
    app, lines = typer.Typer(), []

    @app.command()
    def study(context: typer.Context, runs: list[str], noise: list[str] = (), dry: bool = False):
        lines.append(typed(context))

    given = ["my run", "other", "--noise", "gaussian=0.1", "--noise", "salt=0.2", "--dry"]
    assert CliRunner().invoke(app, given).exit_code == 0
    assert shlex.split(lines[0])[1:] == given
