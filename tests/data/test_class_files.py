import os

import pytest

from tfapp.data.class_files import read_class_list
from tfapp.errors import InputError


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a list of classes from its text."""

    def read(text):
        (tmp_path / "classes.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_class_list(tmp_path / "classes.txt")

    return read


@pytest.mark.parametrize("separator", [" ", ",", ", ", ":", ": ", "\t", ";", " ; ", "=", " - ", ". ", ") "])
def test_values_may_stand_before_names_in_any_order_with_any_separator(read, separator):
    listed = read(
        "".join(f"{value}{separator}{name}\n" for value, name in ((2, "sky"), (0, "car"), (1, "wall")))
    )
    assert listed.names == ("sky", "car", "wall") and listed.values == (2, 0, 1) and listed.given


@pytest.mark.parametrize(
    "line", ['"{}","{}"', "'{}' {}", '"{}" "{}"', "- {}: {}", "* {} {}", '"{}": "{}",', "'{}';'{}'"]
)
def test_values_in_quotes_and_of_a_list_in_yaml_are_values(read, line):
    listed = read(
        "".join(line.format(value, name) + "\n" for value, name in ((2, "sky"), (0, "red car"), (1, "a")))
    )
    assert listed.names == ("sky", "red car", "a") and listed.values == (2, 0, 1) and listed.given


def test_remarks_empty_lines_and_a_byte_order_mark_do_not_count(read):
    listed = read("\ufeff# mine\n\nbackground # none\n  cell #1\n")
    assert listed.names == ("background", "cell #1") and listed.values == (0, 1) and not listed.given


def test_list_of_cvat_gives_colours(read):
    listed = read("# label:color_rgb:parts:actions\nwall:0,128,0::\nbackground:0,0,0:head,foot:sit\n")
    assert listed.names == ("wall", "background") and listed.colours == ((0, 128, 0), (0, 0, 0))


@pytest.mark.parametrize("text", ["64 128 64\tcar\n0 0 0 sky\n", "car,64,128,64\nsky,0,0,0\n"])
def test_colours_may_stand_before_or_behind_names(read, text):
    listed = read(text)
    assert listed.names == ("car", "sky") and listed.colours == ((64, 128, 64), (0, 0, 0))


def test_list_of_labelme_counts_from_the_line_behind_ignore(read):
    listed = read("__ignore__\n_background_\ncell\n")
    assert listed.names == ("_background_", "cell") and listed.values == (0, 1) and listed.ignored == (255,)


def test_every_class_called_ignore_has_no_label(read):
    assert read("0 background\n254 ignore\n1 cell\n255 Ignore\n").ignored == (254, 255)


def test_digits_of_other_scripts_are_letters(read):
    assert read("² a\n³ b\n").names == ("² a", "³ b")


@pytest.mark.parametrize(
    "names",
    [
        ("class 0", "class 1"),
        # Ranges, words with numbers in them, and numbers in the order of the lines.
        ("0-10 mm", "10-20 mm"),
        ("2d plane", "3d object"),
        ("t2 lesion", "t1 vessel"),
        ("area (0) sky", "area (1) sea"),
        ("- sky", "- sea"),
        ('"sky"', '"sea"'),
    ],
)
def test_numbered_names_are_names(read, names):
    assert read("\n".join(names)).names == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cell 1\nwall 2\nbackground 0\n", "Line 1 of .* is 'cell 1', and the value must stand first"),
        ("0 a\nb\n", "Line 2 of .* is 'b', and other lines begin with a value"),
        ("value name\n0 a\n1 b\n", "Line 1 of .* is 'value name'"),
        ("name,r,g,b\ncell,0,1,2\n", "Line 1 of .* is 'name,r,g,b', and other lines have a colour"),
        ("1\n0\n", "Line 1 of .* is '1', and it is a number and no name"),
        ("0 1\n1 2\n", "Line 1 of .* is '0 1', and it has numbers and no name"),
        ("0 a 0 0 0\n1 b 1 1 1\n", "it has a value and a colour"),
        ("a:0,0,300::\nb:0,0,0::\n", "three numbers from 0 to 255"),
        ("a:0,0,0::\nb:0,0,0::\n", "the colour 0,0,0 stands there twice"),
        ("a\n__ignore__\nb\n", "Line 2 of .* is '__ignore__', and its value is not clear"),
        ("0 a\n99999999999 b\n", "Line 2 of .* a value is at most"),
        ('["a",\n"b"]\n', "it looks like JSON"),
        ("Zelle\nKörper\n".encode("utf-16"), "not UTF-8"),
        ('"2 sky"\n"0 sea"\n', "Line 1 of .* is '.2 sky.', and its number may be a value"),
        ("2->sky\n0->sea\n", "Line 1 of .* is '2->sky', and its number may be a value"),
        ("names\n<2> sky\n<0> sea\n", "Line 2 of .* is '<2> sky', and its number may be a value"),
        ('"sky","0","0","9"\n"sea","1","1","1"\n', "Line 1 of .* and its numbers may be a colour"),
        ('"value","name"\n"2","sky"\n"0","sea"\n', "Line 1 of .* other lines begin with a value"),
        ('"2","sky"\nsea\n"0","car"\n', "Line 2 of .* is 'sea', and other lines begin with a value"),
        ("", "lists 0 classes"),
        ("0 a\n0 ignore\n1 b\n", "has the value 0 in line 1 and again in line 2; expected a different value"),
        (
            "a\n\nb\na\n",
            "has the class name 'a' in line 1 and again in line 4; expected a different class name",
        ),
        ("0 a\n1 ignore\n2 a\n", "has the class name 'a' in line 1 and again in line 3"),
        ("a:0,0,0\nb:1,1,1\nb:2,2,2\n", "has the class name 'b' in line 2 and again in line 3"),
        ("__ignore__\na\nb\na\n", "has the class name 'a' in line 2 and again in line 4"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_its_line(read, text, message):
    with pytest.raises(InputError, match=message):
        read(text)


def test_pipe_is_no_list_of_classes(tmp_path):
    os.mkfifo(tmp_path / "classes.txt")
    with pytest.raises(InputError, match="classes.txt is a named pipe; expected a list of classes"):
        read_class_list(tmp_path / "classes.txt")


def test_link_to_no_list_is_not_passed_over(tmp_path):
    (tmp_path / "classes.txt").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match="classes.txt cannot be read: No such file"):
        read_class_list(tmp_path / "classes.txt")


@pytest.mark.parametrize(
    "values",
    [("2.0", "1.0", "0.0"), ("0x2", "0x1", "0x0"), ("\uff12", "\uff11", "\uff10"), ("2e0", "1e0", "0e0")],
)
@pytest.mark.parametrize("separator", [" ", ", ", ": "])
def test_values_of_another_spelling_are_no_names(read, values, separator):
    with pytest.raises(InputError, match="its first word is a number of another spelling"):
        read(
            "".join(
                f"{value}{separator}{name}\n"
                for value, name in zip(values, ("bg", "car", "road"), strict=True)
            )
        )


def test_names_that_begin_with_a_digit_stay_names(read):
    assert read("3d part\n2nd part\n0.5mm wire\n").names == ("3d part", "2nd part", "0.5mm wire")
