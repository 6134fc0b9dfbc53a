import numpy as np
import pytest
from PIL import Image

from tests.data.voc_tree import write_list, write_voc
from tfapp.data import names_multi_label, open_classification, open_multi_label
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


def test_images_with_one_label_show_that_class_and_no_other():
    data, labelled = open_multi_label("digits:40"), open_classification("digits:40")
    assert data.one_label and data.class_names == labelled.class_names and data.spec == labelled.spec
    for part, other in zip(data.splits, labelled.splits, strict=True):
        np.testing.assert_array_equal(part.targets, np.where(np.eye(10)[other.labels], 1, -1))
        np.testing.assert_array_equal(part.read(3), np.repeat(other.read(3), 3, -1))
    assert len({*data.train.names, *data.test.names}) == 40


def test_files_with_one_label_are_named_with_their_folder(tmp_path):
    for part in ("train", "val"):
        for number, name in enumerate(("cat", "dog")):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("L", (4, 4), 51 * number).save(tmp_path / part / name / "1.png")
    data = open_multi_label(f"imagenet:{tmp_path}")
    assert data.train.names == ("cat/1.png", "dog/1.png")
    np.testing.assert_allclose(data.test.read(1), np.full((4, 4, 3), 0.2), atol=1e-7)


@pytest.mark.parametrize("spec", ["voc2007", "labels:", "voc2012:/tmp", "cells", "mnist"])
def test_unknown_name_lists_the_known_ones(spec):
    with pytest.raises(InputError, match="expected voc2007:PATH, labels:PATH, mnist:PATH, .*, or digits"):
        open_multi_label(spec)


@pytest.mark.parametrize(
    "spec", ["voc2007:/nowhere", "labels:/nowhere", "voc2007:/nowhere?train=a", "mnist:/nowhere"]
)
def test_missing_folder_is_refused(spec):
    with pytest.raises(InputError, match="Folder /nowhere .* does not exist or is not a folder"):
        open_multi_label(spec)


def test_names_tell_labels_from_masks():
    assert all(map(names_multi_label, ("voc2007:/data", "labels:/data", "digits:50", "cifar10:/data")))
    assert not names_multi_label("cells") and not names_multi_label("wbc:/data")
