import subprocess
import sys
from types import SimpleNamespace

import pytest
from PIL import Image

from tests.data.voc_tree import write_list, write_voc
from tfapp.data import (
    names_classification,
    names_dataset,
    names_image_pairs,
    names_multi_label,
    open_classification,
    open_dataset,
    open_multi_label,
)
from tfapp.data.sources import MASKS, ONE_LABEL, READERS, SEVERAL_LABELS, Reader, forms_in_short
from tfapp.errors import InputError


def test_lists_of_voc_can_be_named(tmp_path):
    root = write_voc(tmp_path)
    write_list(root, "own", ["000007"])
    spec = f"voc2007:{tmp_path}?train=test&test=trainval"
    assert [len(part) for part in open_multi_label(spec).splits] == [3, 5]


@pytest.mark.parametrize(
    ("options", "lengths"), [("?train=own", [1, 3]), ("?test=own", [5, 1]), ("", [5, 3])]
)
def test_list_that_is_not_named_is_the_official_one(tmp_path, options, lengths):
    root = write_voc(tmp_path, class_lists=False)
    write_list(root, "own", ["000007"] if "train" in options else ["000001"])
    assert [len(part) for part in open_multi_label(f"voc2007:{tmp_path}{options}").splits] == lengths


@pytest.mark.parametrize("options", ["", "?train=test&test=trainval"])
def test_spec_of_the_data_opens_them_from_anywhere(tmp_path, monkeypatch, options):
    write_voc(tmp_path / "data", class_lists=False)
    monkeypatch.chdir(tmp_path)
    data = open_multi_label(f"voc2007:data{options}")
    assert data.spec == f"voc2007:{tmp_path / 'data'}{options}"
    monkeypatch.chdir("/")
    assert open_multi_label(data.spec).fingerprint() == data.fingerprint()


@pytest.mark.parametrize("options", ["train", "train=", "train=a&train=b", "val=a", "train=a,test=b&", "&"])
def test_options_of_another_form_are_refused(tmp_path, options):
    with pytest.raises(
        InputError, match=r"is not understood; expected .*'voc2007:PATH\?train=LIST&test=LIST'"
    ):
        open_multi_label(f"voc2007:{tmp_path}?{options}")


def test_folder_with_a_table_of_labels_is_opened(tmp_path):
    for name in "ab":
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    (tmp_path / "labels.csv").write_text("image,split,x,y\na.png,train,1,0\nb.png,test,0,1\n")
    data = open_multi_label(f"labels:{tmp_path}")
    assert data.spec == f"labels:{tmp_path}" and data.class_names == ("x", "y")


@pytest.mark.parametrize("spec", ["cells:x", "cells:5:64:1", "cells:0", "cells:5:8"])
def test_bad_cells_specification_is_refused(spec):
    with pytest.raises(InputError, match="expected"):
        open_dataset(spec)


@pytest.mark.parametrize("spec", ["digits:x", "digits:20:2", "digits:-20"])
def test_bad_digits_specification_is_refused(spec):
    with pytest.raises(InputError, match="is not understood; expected digits or digits:COUNT"):
        open_classification(spec)


@pytest.mark.parametrize("spec", ["camvid", "wbc", "folder:", "unknown:/tmp", "mnist:/tmp"])
def test_unknown_dataset_is_refused(spec):
    with pytest.raises(InputError, match="Unknown dataset .*; expected cells, wbc:PATH, .*, folder:PATH"):
        open_dataset(spec)


def test_dataset_of_another_kind_is_told_to_be_one():
    with pytest.raises(
        InputError, match="Unknown dataset 'voc-boxes:/tmp', which names images with boxes; expected"
    ):
        open_dataset("voc-boxes:/tmp")


@pytest.mark.parametrize(
    ("opens", "name", "forms"),
    [
        (open_dataset, "big", "folder:big"),
        (open_dataset, "camvid", "camvid:camvid or folder:camvid"),
        (open_multi_label, "big", "labels:big"),
        (
            open_classification,
            "big",
            "mnist:big, fashion-mnist:big, cifar10:big, imagenet:big or folders:big",
        ),
    ],
)
def test_folder_without_a_word_on_what_it_holds_is_refused_with_the_form(
    tmp_path, monkeypatch, opens, name, forms
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=f"'{name}' is a folder, .*: write {forms}; expected "):
        opens(name)


def test_file_is_no_dataset(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match="a.png' is a file; expected cells, .* where PATH is a folder"):
        open_dataset(str(tmp_path / "a.png"))


def test_folder_with_the_name_of_generated_images_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cells").mkdir()
    with pytest.warns(
        UserWarning, match="'cells' means generated images, not the folder .*, write folder:cells"
    ):
        open_dataset("cells")


@pytest.mark.parametrize("spec", ["mnist", "mnist:", "cifar100:/tmp", "cells", "folder:/tmp", "voc2007:/tmp"])
def test_unknown_images_with_labels_are_refused_with_the_known_ones(spec):
    with pytest.raises(
        InputError, match="expected digits, mnist:PATH, fashion-mnist:PATH, cifar10:PATH, imagenet:PATH"
    ):
        open_classification(spec)


@pytest.mark.parametrize("spec", ["voc2007", "labels:", "voc2012:/tmp", "cells", "mnist"])
def test_unknown_images_with_several_labels_are_refused_with_the_known_ones(spec):
    with pytest.raises(InputError, match="expected voc2007:PATH, labels:PATH, mnist:PATH, .*, or digits"):
        open_multi_label(spec)


@pytest.mark.parametrize(
    ("open_spec", "spec"),
    [
        (open_dataset, "folder:/nowhere/at/all"),
        (open_classification, "mnist:/nowhere/at/all"),
        (open_multi_label, "voc2007:/nowhere/at/all"),
        (open_multi_label, "labels:/nowhere/at/all"),
        (open_multi_label, "voc2007:/nowhere/at/all?train=a"),
        (open_multi_label, "mnist:/nowhere/at/all"),
    ],
)
def test_missing_folder_is_refused(open_spec, spec):
    with pytest.raises(InputError, match="Folder /nowhere/at/all .* does not exist or is not a folder"):
        open_spec(spec)


def test_names_tell_masks_from_image_pairs_and_labels():
    kinds = (names_dataset, names_image_pairs, names_classification, names_multi_label)
    expected = {
        "cells": (True, False, False, False),
        "wbc:/data": (True, False, False, False),
        "raindrop:/data": (True, True, False, False),
        "digits:50": (False, False, True, True),
        "cifar10:/data": (False, False, True, True),
        "voc2007:/data": (False, False, False, True),
        "labels:/data": (False, False, False, True),
        "unknown:/data": (False, False, False, False),
    }
    assert {text: tuple(names(text) for names in kinds) for text in expected} == expected


def test_existing_folder_is_no_name(tmp_path, monkeypatch):
    for name in ("cells", "digits", "labels"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert (
        not names_dataset("cells") and not names_classification("digits") and not names_multi_label("labels")
    )


def test_every_reader_has_its_function_and_a_name_of_its_own_for_what_it_gives():
    assert all(callable(reader.function) for reader in READERS)
    # Masks and boxes of one year are read by what is asked for.
    assert len({(reader.name, reader.gives) for reader in READERS}) == len(READERS)


def test_one_line_in_the_registry_makes_a_dataset(tmp_path, monkeypatch):
    def read(path, spec, **options):
        return path, spec, options

    own = Reader("own", MASKS, "own.read", options={"size": "N"}, about_options="sizes")
    monkeypatch.setitem(sys.modules, "tfapp.data.readers.own", SimpleNamespace(read=read))
    monkeypatch.setattr("tfapp.data.sources.READERS", (*READERS, own))
    spec = f"own:{tmp_path}?size=3"
    assert open_dataset(spec) == (tmp_path, spec, {"size": "3"})
    assert names_dataset("own:/data") and forms_in_short(MASKS).endswith(", folder:, own:")
    with pytest.raises(InputError, match="expected cells, .*, folder:PATH, own:PATH"):
        open_dataset("unknown:/data")


def test_question_mark_is_part_of_a_path_where_there_are_no_options(make_folder):
    folder = make_folder(name="what? a=b")
    assert open_dataset(f"folder:{folder}").spec == f"folder:{folder}"


def test_forms_in_short_are_those_of_the_help():
    assert forms_in_short(ONE_LABEL) == "digits, or mnist:PATH, fashion-mnist:, cifar10:, imagenet:, folders:"
    assert forms_in_short(SEVERAL_LABELS) == "voc2007:PATH, labels:"


@pytest.mark.slow
def test_names_are_known_without_numpy_and_tensorflow():
    code = (
        "import sys; from tfapp.data.sources import names_dataset, forms_in_short; "
        "print(names_dataset('wbc:x'), {'numpy', 'tensorflow', 'PIL', 'scipy'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "True set()\n"
