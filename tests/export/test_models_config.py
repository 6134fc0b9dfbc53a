"""models.config, written and checked; its form is read back by the protocol buffer of TensorFlow Serving."""

import re
import shutil

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.export import ExportError, ServedModel, check_models_config, write_models_config
from tfapp.export.models_config import batching_parameters

pytest.importorskip("tensorflow_serving")


@pytest.fixture
def base(tmp_path):
    """A folder of a model with versions 1, 3 and 4; what is in them is not looked at."""
    folder = tmp_path / "models" / "cells"
    for version in ("1", "003", "4"):
        (folder / version).mkdir(parents=True)
        (folder / version / "saved_model.pb").touch()
    (folder / ".export-x").mkdir()
    return folder


def read(path):
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    return text_format.Parse(path.read_text(), ModelServerConfig()).model_config_list.config


def test_written_text_is_what_the_server_reads(base, tmp_path):
    path = tmp_path / "models.config"
    served = write_models_config(path, [ServedModel(base, labels={"stable": 3, "canary": 4})])
    [entry] = read(path)
    assert (entry.name, entry.base_path, entry.model_platform) == ("cells", "/models/cells", "tensorflow")
    assert list(entry.model_version_policy.specific.versions) == [3, 4]
    assert dict(entry.version_labels) == {"stable": 3, "canary": 4}
    assert served == {"cells": [3, 4]} == check_models_config(path, tmp_path / "models")


@pytest.mark.parametrize(
    ("versions", "kind", "served"),
    [(None, "latest", [4]), (2, "latest", [3, 4]), ("all", "all", [1, 3, 4]), ([1, 4], "specific", [1, 4])],
)
def test_policy_is_written_and_says_what_is_served(base, tmp_path, versions, kind, served):
    path = tmp_path / "models.config"
    assert write_models_config(path, [ServedModel(base, "x", versions)], at=None) == {"x": served}
    [entry] = read(path)
    assert entry.model_version_policy.WhichOneof("policy_choice") == kind
    assert entry.base_path == str(base) and check_models_config(path) == {"x": served}


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"versions": [2]}, "version 2 does not exist in .*; there are: 1, 3, 4"),
        (
            {"versions": [4], "labels": {"stable": 3}},
            "'stable' names version 3, which is not served; served are: 4",
        ),
        ({"versions": 1, "labels": {"stable": 1}}, "which is not served; served are: 4, there are: 1, 3, 4"),
        ({"labels": {"canary": 9}}, "version 9 does not exist"),
        ({"labels": {"my label": 3}}, "A label must be a word"),
        ({"name": "a/b"}, "A name must be a word"),
        ({"versions": []}, "must name at least one version"),
        ({"versions": 0}, "must be at least the latest one"),
    ],
)
def test_what_the_server_would_not_load_is_refused_and_nothing_written(base, tmp_path, model, told):
    with pytest.raises(ExportError, match=told):
        write_models_config(tmp_path / "models.config", [ServedModel(base, **model)])
    assert not (tmp_path / "models.config").exists()


def test_folder_without_versions_or_with_a_half_copied_one_is_refused(base, tmp_path):
    (base / "5").mkdir()
    for folder, told in (
        (tmp_path, "has no versions"),
        (base, "version 5 .* is no SavedModel"),
        (base / "x", "exist"),
    ):
        with pytest.raises(ExportError, match=told):
            write_models_config(tmp_path / "models.config", [ServedModel(folder)])


def test_two_models_of_one_name_are_refused(base, tmp_path):
    with pytest.raises(ExportError, match="Two models are called 'cells'"):
        write_models_config(tmp_path / "models.config", [ServedModel(base), ServedModel(base)])


GOOD = 'model_config_list { config { name: "cells" base_path: "/models/cells" model_platform: "tensorflow" %s } }'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model_config_list { config { name: }", "is no models.config"),
        ("\x00\x01", "is no models.config"),
        ("", "has no models in a model_config_list"),
        (GOOD % "modell: 3", "is no models.config"),
        (GOOD % 'version_labels { key: "stable" value: 1 }', "'stable' names version 1, which is not served"),
        (GOOD % "model_version_policy { specific { versions: 2 } }", "version 2 does not exist"),
        (GOOD % "model_version_policy { specific { } }", "must name at least one version"),
        (GOOD.replace("/models/cells", "models/cells") % "", "base_path must begin with /"),
        (GOOD.replace("/models/cells", "/elsewhere/cells") % "", "does not lie there"),
        (GOOD.replace("/models/cells", "/models/cats") % "", "cats does not exist"),
        (GOOD.replace('"tensorflow"', '"caffe"') % "", "model_platform must be 'tensorflow'"),
        (
            GOOD.replace(" config {", ' config { name: "cells" base_path: "/models/cells" } config {') % "",
            "two models",
        ),
        ("model_config_list { config { } }", "without a name or base_path"),
    ],
)
def test_faults_of_a_file_are_one_sentence(base, tmp_path, text, told):
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ExportError, match=told) as error:
        check_models_config(path, base.parent)
    assert "\n" not in str(error.value)


def test_file_of_other_people_is_read(base, tmp_path):
    path = tmp_path / "models.config"
    path.write_text(GOOD.replace(" model_platform", ", # a remark\n model_platform") % "")
    assert check_models_config(path, base.parent) == {"cells": [4]}


def test_batching_parameters_carry_their_warnings_as_comments():
    text = batching_parameters(8, ["Leave it off.", "Leave it off."])
    assert text.startswith("# Leave it off.\nmax_batch_size { value: 8 }\n")
    assert all(re.fullmatch(r"#.*|\w+ \{ value: \d+ \}", line) for line in text.splitlines())


def config(*arguments):
    arguments = ["export", "config", *map(str, arguments)]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "400", "NO_COLOR": "1"})


def test_command_writes_checks_and_prints_the_line_that_serves(base, tmp_path):
    path = tmp_path / "config" / "models.config"
    result = config(base, "--out", path, "--label", "stable=3", "--label", "canary=4")
    assert result.exit_code == 0, result.output
    line = next(line for line in result.output.splitlines() if "docker run" in line)
    assert f"-v {base}:/models/cells:ro -v {path.parent}:/config:ro tensorflow/serving" in line
    assert "--model_config_file=/config/models.config" in line
    assert "--allow_version_labels_for_unavailable_models=true" in line
    checked = config(path, "--models", base.parent)
    assert checked.exit_code == 0 and "names models and versions that are there" in checked.output
    again = config(base, "--out", path)
    assert again.exit_code == 2 and "models.config already exists; choose another --out" in again.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "A new version is loaded once it is written there."),
        (("--label", "stable=3"), "The versions that the file names are loaded, and no new ones"),
        (("--versions", "3,4"), "The versions that the file names are loaded, and no new ones"),
        (
            ("--versions", "all", "--label", "canary=4"),
            "A new version is loaded once it is written there. The server",
        ),
        (
            ("--versions", "latest:2", "--label", "canary=4"),
            "A new version is loaded once it is written there.",
        ),
        (
            ("--versions", "latest:2", "--label", "canary=4"),
            "is unloaded, and a label of it then names nothing",
        ),
    ],
)
def test_whether_new_versions_are_loaded_is_told(base, tmp_path, options, told):
    assert told in config(base, "--out", tmp_path / "models.config", *options).output


def test_two_folders_of_one_name_are_bad_input(base, tmp_path):
    shutil.copytree(base, tmp_path / "others" / "cells")
    result = config(base, tmp_path / "others" / "cells", "--out", tmp_path / "models.config")
    assert result.exit_code == 2 and "Two of these folders are called 'cells'" in result.output


def test_line_of_a_server_on_this_machine_has_its_paths(base, tmp_path):
    result = config(base, "--out", tmp_path / "models.config", "--local")
    line = f"tensorflow_model_server --port=8500 --rest_api_port=8501 --model_config_file={tmp_path}/models.config"
    assert result.exit_code == 0 and line in result.output
    assert "allow_version_labels" not in result.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--label", "stable"), "--label 'stable' is not understood; expected NAME=VERSION"),
        (("--label", "a=3", "--label", "a=4"), "names 'a' of cells twice"),
        (("--label", "cats:a=3"), "names the model 'cats'; there are: cells"),
        (("--versions", "3-4"), "--versions '3-4' is not understood"),
        (("--models", "x"), "--models is for checking"),
    ],
)
def test_options_that_cannot_be_are_bad_input(base, tmp_path, options, told):
    result = config(base, "--out", tmp_path / "models.config", *options)
    assert result.exit_code == 2 and told in result.output
    assert not (tmp_path / "models.config").exists()


def test_options_for_writing_are_refused_where_a_file_is_checked(base, tmp_path):
    path = tmp_path / "models.config"
    path.write_text(GOOD % "")
    result = config(path, "--local")
    assert result.exit_code == 2 and "is checked; --local is for writing one" in result.output


@pytest.mark.slow
def test_batching_warns_in_the_words_of_the_kind(exported, tmp_path):
    result = config(exported.base, "--out", tmp_path / "models.config", "--batching", 8)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "batching.config").read_text()
    assert text.startswith("# Leave --enable_batching off, or call serving_bytes only")
    assert "--enable_batching --batching_parameters_file=/config/batching.config" in result.output
