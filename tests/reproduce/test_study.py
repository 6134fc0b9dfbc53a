"""The interface of studies: what is registered, what a command makes of it, and what both refuse."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli.reproduce import command_of
from tfapp.errors import InputError
from tfapp.report.result_table import ResultTable
from tfapp.reproduce.registry import STUDIES
from tfapp.reproduce.study import Option, Result, Study, as_set, spec_of


def listing(
    out: Annotated[Path, Option(help="Folder.")],
    scale: Annotated[str, Option(help="small or paper.")] = "small",
    seeds: Annotated[tuple, Option(help="Seeds.", text="seeds")] = (3, 4),
    resize: Annotated[tuple | None, Option(help="Size.", text="size")] = None,
    solvers: Annotated[dict | None, Option(help="Solvers.", text="solvers")] = None,
    steps: Annotated[int | None, Option(help="Steps.", show_default="by scale", min=1)] = None,
    *,
    progress,
    command,
):
    progress.table(ResultTable(["so far"], [["one"]]))
    progress.say("half of it is done")
    seen = {"scale": scale, "seeds": list(seeds), "resize": resize, "solvers": solvers, "steps": steps}
    shown = [
        "a remark",
        ResultTable(["what", "value"], [[name, repr(value)] for name, value in seen.items()], "title"),
    ]
    return Result([*shown, f"made by {command}"], [out / "made.md"])


STUDY = Study(
    "listing",
    "What is given",
    "nobody",
    ("We read it so.", "And so."),
    {"small": "a bit.", "paper": "all."},
    listing,
)


def typed(*arguments):
    app = typer.Typer()
    app.command(STUDY.name, help=STUDY.description)(command_of(STUDY))
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "120"})


def test_values_reach_the_study_read_and_its_result_is_printed_in_order(tmp_path):
    result = typed(
        "--out", tmp_path, "--seeds", "7,5", "--resize", "9x8", "--solvers", "sgd=0.5", "--steps", 2
    )
    assert result.exit_code == 0, result.output
    for value in ("[7, 5]", "(9, 8)", "{'sgd': 0.5}", "2"):
        assert f" {value} " in result.output
    order = [
        "so far",
        "half of it",
        "a remark",
        "title",
        "what",
        "made by listing --out",
        f"wrote {tmp_path}",
    ]
    places = [result.output.index(text) for text in order]
    assert places == sorted(places)


def test_defaults_of_the_command_are_those_of_the_study(tmp_path):
    output = typed("--out", tmp_path).output
    for value in ("'small'", "[3, 4]", "None"):
        assert f" {value} " in output
    assert "bpgrad" in output  # All solvers.


def test_help_has_what_the_study_says_of_itself_and_its_options():
    words = " ".join(typed("--help").output.split())
    assert (
        "What is given. After nobody. We read it so. And so. --scale small: a bit. --scale paper: all."
        in words
    )
    for text in ("[default: small]", "[default: 3,4]", "[default: all]", "[default: (by scale)]", "[x>=1]"):
        assert text in words


def test_unknown_scale_and_a_file_as_folder_are_refused_before_the_study_begins(tmp_path):
    def never(out, scale, *, progress, command):
        raise AssertionError

    study = Study("name", "heading", "source", (), {"small": ""}, never)
    with pytest.raises(InputError, match="Unknown `scale` 'huge'; choose one of: small."):
        study.run({"out": tmp_path, "scale": "huge"})
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="`out` must name a folder"):
        study.run({"out": tmp_path / "file", "scale": "small"})


def test_data_of_a_table_are_a_folder_or_of_its_reader():
    assert spec_of("some/folder", "camvid", "Table 3") == "camvid:some/folder"
    assert spec_of("camvid:x", "camvid", "Table 3") == "camvid:x"
    with pytest.raises(InputError, match="Table 3 is of CamVid: expected `data` FOLDER or camvid:FOLDER"):
        spec_of("wbc:x", "camvid", "Table 3 is of CamVid")


@pytest.mark.slow
def test_listing_the_studies_imports_nothing_slow():
    code = (
        "import json, sys; from tfapp.reproduce.registry import STUDIES; "
        "print(json.dumps([len(STUDIES), sorted(sys.modules)]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, modules = json.loads(result.stdout)
    assert count == len(STUDIES)
    assert not {"tensorflow", "keras", "matplotlib", "scipy", "sklearn"} & set(modules)


@pytest.mark.slow
def test_every_study_says_what_it_is_and_describes_its_options():
    for study in STUDIES.values():
        assert study.heading and study.source and not study.heading.endswith("."), study.name
        assert "out" in study.options and ("scale" in study.options) == bool(study.scales), study.name
        for parameter in study.options.values():
            (option,) = parameter.annotation.__metadata__
            assert isinstance(option, Option) and option.help, (study.name, parameter.name)


def test_sentence_on_the_scale_says_what_the_command_sets_in_its_place():
    typed = "tfapp reproduce tv-table-2 --data 'a b' --out t --scale small --tv-weight 3 --random-split --seeds 0,1"
    assert as_set("Adam.", typed) == (
        "Adam. The command sets --tv-weight 3, --random-split, which holds in place of what these remarks say."
    )


def test_sentence_on_the_scale_stays_where_the_command_sets_nothing():
    assert as_set("Adam.", "tfapp reproduce tv-table-2 --data d --out t --overwrite --dask local") == "Adam."
