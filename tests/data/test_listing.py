import unicodedata

import pytest

from tfapp.data.listing import (
    NamedFiles,
    alone_notice,
    by_stem,
    image_files,
    nested_notice,
    skipped_files,
    skipped_notice,
    visible_files,
    visible_folders,
)
from tfapp.errors import InputError


@pytest.fixture
def folder(tmp_path):
    for name in ("b.PNG", "a.jpg", "c.npy", "notes.txt", "._a.jpg", ".hidden.png"):
        (tmp_path / name).touch()
    for name in ("second", "first", ".cache"):
        (tmp_path / name).mkdir()
    return tmp_path


def names(paths):
    return [path.name for path in paths]


def test_files_are_sorted_whatever_the_case_of_their_suffix_and_without_hidden_ones(folder):
    assert names(visible_files(folder)) == names(image_files(folder)) == ["a.jpg", "b.PNG"]


def test_other_suffixes_can_be_asked_for(folder):
    assert names(visible_files(folder, (".npy", ".jpg"))) == ["a.jpg", "c.npy"]


def test_folders_are_sorted_and_without_hidden_ones(folder):
    assert names(visible_folders(folder)) == ["first", "second"]


def test_missing_folder_has_nothing(tmp_path):
    assert visible_files(tmp_path / "nowhere") == visible_folders(tmp_path / "nowhere") == []


def test_folder_without_images_is_refused(tmp_path):
    (tmp_path / ".hidden.png").touch()
    with pytest.raises(InputError, match="has no images; expected .png, .jpg"):
        image_files(tmp_path)


def test_images_in_folders_below_are_told_of_a_folder_without_any(tmp_path):
    for name in ("train", "val", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "train" / "a.png").touch()
    (tmp_path / "val" / "b.png").touch()
    with pytest.raises(InputError, match="directly in it, not in folders below it, .*: train, val.$"):
        image_files(tmp_path)


def test_files_are_found_by_their_stems(folder):
    assert {stem: file.name for stem, file in by_stem(visible_files(folder)).items()} == {
        "a": "a.jpg",
        "b": "b.PNG",
    }


def test_two_files_of_one_stem_are_refused_with_both_names(folder):
    (folder / "a.tif").touch()
    with pytest.raises(
        InputError, match="a.jpg and .*a.tif have the same name; rename or remove one of them."
    ):
        by_stem(visible_files(folder))
    with pytest.raises(InputError, match="a.jpg and .*a.tif are both picture a."):
        by_stem(visible_files(folder), "are both picture {stem}")


def test_files_of_systems_are_not_there(tmp_path):
    for name in ("Thumbs.db", "desktop.ini", "DESKTOP.INI", ".DS_Store", "._a.png"):
        (tmp_path / name).touch()
    (tmp_path / "__MACOSX").mkdir()
    assert visible_files(tmp_path, ("", ".db", ".ini", ".png")) == skipped_files(tmp_path, ()) == []
    assert visible_folders(tmp_path) == []


def test_what_is_skipped_is_counted_by_suffix(folder):
    (folder / "d.HEIC").touch()
    (folder / "e.heic").touch()
    (folder / "README").touch()
    assert names(skipped_files(folder)) == ["README", "c.npy", "d.HEIC", "e.heic", "notes.txt"]
    sentence = skipped_notice(folder)
    assert "5 file(s) in" in sentence and "(2 .heic, 1 .npy, 1 .txt, 1 without suffix)" in sentence
    assert ".jfif" in sentence


def test_files_of_several_folders_are_counted_together(folder):
    (folder / "first" / "c.heic").touch()
    sentence = skipped_notice(folder / "first", folder, folder / "second")
    assert sentence.startswith(f"3 file(s) in {folder / 'first'} and 1 other folder(s) are skipped")


def test_nothing_is_told_where_nothing_is_skipped(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "Thumbs.db").touch()
    assert skipped_notice(tmp_path) is None


def test_images_in_folders_within_are_counted_and_hidden_ones_are_not(folder):
    assert nested_notice(folder) is None
    (folder / "second/deep").mkdir()
    for name in ("first/x.png", "second/deep/y.tif", "second/z.txt", ".cache/w.png"):
        (folder / name).touch()
    sentence = nested_notice(folder)
    assert sentence.startswith(f"2 file(s) in 2 folder(s) within {folder} are left out, the first is ")
    assert "first/x.png" in sentence
    # A folder that is read itself is none that is left out.
    assert nested_notice(folder, folder / "first").startswith("1 file(s) in 1 folder(s)")


def test_files_alone_are_counted_with_the_first_names(tmp_path):
    assert alone_notice([], "image") is None
    sentence = alone_notice([tmp_path / f"{number}.png" for number in range(6)], "image")
    assert sentence == (
        f"6 file(s) in {tmp_path} are left out, as there is no image of their name: "
        "0.png, 1.png, 2.png, 3.png and 2 more."
    )


def test_names_meet_in_both_forms_of_unicode(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    images, masks = (by_stem([tmp_path / f"{name}.png"]) for name in (composed, decomposed))
    assert list(images) == list(masks) == ["caf\u00e9"]
    assert masks["caf\u00e9"].stem == decomposed  # as it can be opened
    with pytest.raises(InputError, match="have the same name"):
        by_stem([tmp_path / f"{composed}.png", tmp_path / f"{decomposed}.png"])


def test_named_file_is_found_whichever_form_of_unicode_the_disk_or_the_list_has(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    for name in (f"{decomposed}/{composed}.png", f"{decomposed}/plain.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    named = NamedFiles(tmp_path)
    for name in (f"{composed}/{decomposed}.png", f"{decomposed}/{composed}.png"):
        assert named.path(name) == tmp_path / f"{decomposed}/{composed}.png"
    assert named.path(f"{composed}/other.png") == tmp_path / f"{composed}/other.png"
