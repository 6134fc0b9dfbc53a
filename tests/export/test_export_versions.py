import pytest

from tfapp.export import ExportError
from tfapp.export.versions import check_loadable, choose_version, existing_versions, resolve_saved_model


@pytest.fixture
def base(tmp_path):
    for name in ("1", "00007", ".export-12ab", "notes", "8a", "-3", "99999999999999999999"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_versions_are_the_children_that_parse_as_whole_int64_numbers(base):
    assert existing_versions(base) == [1, 7]


def test_missing_base_has_no_versions(tmp_path):
    assert existing_versions(tmp_path / "none") == []


def test_next_version_follows_the_highest(base, tmp_path):
    assert choose_version(base) == 8
    assert choose_version(tmp_path / "none") == 1


def test_free_version_may_be_chosen_below_the_highest(base):
    assert choose_version(base, 3) == 3


def test_version_with_leading_zeros_counts_as_taken(base):
    with pytest.raises(ExportError, match="Version 7 already exists in .* never overwritten"):
        choose_version(base, 7)


@pytest.mark.parametrize("version", [0, -1, 1.0, "2", True, 2**63])
def test_version_must_be_a_positive_integer(tmp_path, version):
    with pytest.raises(ExportError, match="`version` must be a positive integer. Received: version="):
        choose_version(tmp_path, version)


def test_base_resolves_to_the_highest_version_that_is_a_saved_model(base):
    (base / "1" / "saved_model.pb").touch()
    assert resolve_saved_model(base) == base / "1"
    (base / "00007" / "saved_model.pb").touch()
    assert resolve_saved_model(base) == base / "00007"
    assert resolve_saved_model(base / "1") == base / "1"


def test_other_folders_are_not_saved_models(tmp_path):
    with pytest.raises(ExportError, match="is not a SavedModel"):
        resolve_saved_model(tmp_path)


@pytest.mark.parametrize("name", ["[x]y", "a/[1-3]/b", "a[/]b", "a\\b"])
def test_folder_whose_path_tensorflow_takes_for_a_pattern_is_refused(tmp_path, name):
    with pytest.raises(ExportError, match="for a pattern, and could not load a model from there"):
        check_loadable(tmp_path / name)


@pytest.mark.parametrize("name", ["a*b", "a?b", "a[b", "a]b", "a{b}"])
def test_folder_that_tensorflow_loads_from_is_taken(tmp_path, name):
    check_loadable(tmp_path / name)  # tried with `tf.compat.v1.saved_model.load` in TensorFlow 2.21
