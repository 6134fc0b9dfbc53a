import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

from tfapp.data.readers.labels_folder import labels_folder
from tfapp.errors import InputError

NAMES = [f"{number:02d}.png" for number in range(12)]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes `labels.csv` beside twelve images, and gives its folder."""
    (tmp_path / "sub").mkdir()
    for number, name in enumerate([*NAMES, "sub/a, b.png"]):
        Image.new("L", (6, 4), 20 * number).save(tmp_path / name)

    def write(*lines):
        (tmp_path / "labels.csv").write_text("".join(f"{line}\n" for line in lines))
        return tmp_path

    return write


def by_name(data):
    return {
        name: row for part in data.splits for name, row in zip(part.names, part.targets.tolist(), strict=True)
    }


def test_cells_are_present_absent_or_not_counted(write):
    root = write("image,split,dog,cat", "01.png,train,1,0", "00.png,test,?,1", "02.png,train,,1")
    data = labels_folder(root, "labels:own")
    assert data.class_names == ("dog", "cat") and data.train.targets.dtype == np.int8
    assert data.train.names == ("01.png", "02.png") and data.test.names == ("00.png",)
    assert by_name(data) == {"01.png": [1, -1], "00.png": [0, 1], "02.png": [0, 1]}


def test_joined_labels_say_the_same_as_columns(write):
    data = labels_folder(
        write("image,labels,split", "00.png,dog;cat,train", "01.png,,train", "02.png,cat | cow,test"), ""
    )
    assert data.class_names == ("cat", "cow", "dog")
    assert by_name(data) == {"00.png": [1, -1, 1], "01.png": [-1, -1, -1], "02.png": [1, 1, -1]}


def test_columns_that_are_hardly_classes_are_told(write):
    data = labels_folder(write("image,a,A,is_valid", "00.png,1,0,1", "01.png,0,1,1"), "")
    case, column = data.remarks
    assert "'a' and 'A' count as different classes" in case.text and case.doubt
    assert column.text.endswith("count as classes: 'is_valid'; remove those that are none.") and column.doubt


def test_columns_may_stand_in_any_order(write):
    data = labels_folder(write("dog,image,split,cat", "1,00.png,test,0", "0,01.png,train,1"), "")
    assert data.class_names == ("dog", "cat") and by_name(data) == {"01.png": [-1, 1], "00.png": [1, -1]}


def test_images_are_those_of_the_names(write):
    data = labels_folder(write("image,split,x,y", '"./sub/a, b.png",train,1,0', "05.png,test,1,0"), "")
    assert data.train.names == ("sub/a, b.png",)
    np.testing.assert_allclose(data.train.read(0), np.full((4, 6, 3), 240 / 255), atol=1e-6)


def test_a_quarter_is_for_testing_whatever_the_order(write):
    lines = [f"{name},1,0" for name in NAMES]
    first = labels_folder(write("image,x,y", *lines), "")
    second = labels_folder(write("image,x,y", *reversed(lines)), "")
    assert (len(first.train), len(first.test)) == (9, 3)
    assert set(first.test.names) == set(second.test.names) != set(NAMES[:3])


def test_two_images_give_one_to_each_part(write):
    data = labels_folder(write("image,x,y", "00.png,1,0", "01.png,0,1"), "")
    assert [len(part) for part in data.splits] == [1, 1]


def test_class_without_a_positive_example_is_read(write):
    data = labels_folder(write("image,split,x,y", "00.png,train,1,0", "01.png,test,1,0"), "")
    np.testing.assert_array_equal(data.class_counts(), [[1, 0], [1, 0]])


def test_byte_order_mark_and_empty_lines_are_passed_over(write):
    data = labels_folder(write("\ufeffimage,x,y", "", "00.png,1,0", ",,", "01.png,0,1"), "")
    assert by_name(data) == {"00.png": [1, -1], "01.png": [-1, 1]}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["file,x,y", "00.png,1,0"],
            "The first line of .*labels.csv is 'file,x,y'; expected image,CLASS,CLASS",
        ),
        (["image,x,x", "00.png,1,0"], "each column once"),
        (
            ["image,x,y,", "00.png,1,0,"],
            "Column 4 of .* has no name .*; remove the comma at the end of the first",
        ),
        (
            ["image,x,,y", "00.png,1,,0"],
            "Column 3 of .* has no name .* and no line has anything in it; remove it",
        ),
        (
            ["image,x,", "00.png,1,0"],
            "Column 3 of .* has no name .* and '0' in line 2; name it there, or remove",
        ),
        (
            ["image,x,y", "00.png,1,0,"],
            "has 4 cells; expected 3, as the first line: remove the commas at its end",
        ),
        (["image,labels,x", "00.png,a,0"], "each column once"),
        (["image,x,y,Split", "00.png,1,0,1"], "has the column 'Split'; write 'split', or give a class"),
        (["image,labels", "00.png,a", "01.png,N/A"], "Line 3 of .* has the labels 'N/A', as programs write"),
        (["image;x;y", "00.png;1;0"], "is 'image;x;y'; expected image,CLASS"),
        (["image,x,y"], "names no image"),
        (["image,x,y", "00.png,1"], "Line 2 of .*labels.csv has 2 cells; expected 3"),
        (["image,x,y", "00.png,1,0", "", "01.png,1,yes"], "Line 4 of .* has 'yes' for y; expected 1"),
        (["image,x,y", "00.png,1,-1"], "Line 2 of .* has '-1' for y; expected 1"),
        (["image,split,x,y", "00.png,val,1,0"], "Line 2 of .* has 'val' for split; expected train or test"),
        (["image,x,y", "00.png,1,0", "./00.png,1,0"], "names 00.png twice, in the lines 2 and 3"),
        (["image,x,y", "99.png,1,0"], "Line 2 of .* names 99.png; expected a file in"),
        (["image,x,y", "sub,1,0"], "Line 2 of .* names sub; expected a file in"),
        (["image,x,y", ",1,0"], "Line 2 of .* names no image; expected a file in"),
        (["image,x,y", "sub/../../00.png,1,0"], "Line 2 of .*; expected a path that stays in"),
        (["image,x,y", "/00.png,1,0"], "Line 2 of .* names /00.png; expected a path that stays in"),
        (["image,x", "00.png,1"], r"has 1 class\(es\); expected at least 2"),
        (["image,labels", "00.png,a", "01.png,a;"], r"has 1 class\(es\); expected at least 2"),
        (["image,split,x,y", "00.png,train,1,0"], "has no image for testing"),
        (["image,split,x,y", "00.png,test,1,0"], "has no image for training"),
        (["image,x,y", "00.png,1,0"], "has no image for training"),
        (["image,x,y", f'"{200_000 * "x"}"'], "labels.csv is damaged in line 2"),
    ],
)
def test_bad_table_is_named_with_its_line(write, lines, message):
    with pytest.raises(InputError, match=message):
        labels_folder(write(*lines), "")


def test_names_meet_files_whichever_form_of_unicode_either_has(write):
    composed, decomposed = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    root = write("image,split,x,y", f"{composed},train,1,0", "00.png,test,1,0")
    (root / "05.png").rename(root / decomposed)
    data = labels_folder(root, "")
    assert data.train.names == (composed,)
    np.testing.assert_allclose(data.train.read(0), np.full((4, 6, 3), 100 / 255), atol=1e-6)
    with pytest.raises(InputError, match="twice, in the lines 2 and 3"):
        labels_folder(write("image,x,y", f"{composed},1,0", f"{decomposed},1,0"), "")


def test_pipe_is_no_image_and_no_table(write):
    root = write("image,x,y", "00.png,1,0", "pipe.png,1,0")
    os.mkfifo(root / "pipe.png")
    with pytest.raises(
        InputError, match=r"pipe.png is a named pipe; expected an image, as line 3 of .* names it"
    ):
        labels_folder(root, "")
    (root / "pipe.png").rename(root / "labels.csv")
    with pytest.raises(InputError, match="labels.csv is a named pipe; expected a table"):
        labels_folder(root, "")


def test_missing_table_tells_its_form(tmp_path):
    with pytest.raises(
        InputError, match="labels.csv does not exist; expected a table with the columns image,CLASS"
    ):
        labels_folder(tmp_path, "")


def test_table_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_bytes("image,Bär,Wal\n".encode("latin-1"))
    with pytest.raises(InputError, match="labels.csv is not UTF-8 text"):
        labels_folder(tmp_path, "")
