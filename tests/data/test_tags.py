import pytest

from tfapp.data.tags import case_remarks, split_tags
from tfapp.errors import InputError


def split(*texts):
    return split_tags("labels.csv", list(enumerate(texts, 2)))


@pytest.mark.parametrize(
    ("separator", "words"),
    [
        (";", "semi"),
        ("；", "semi"),
        ("|", "bar"),
        ("\t", "tab"),
        ("\n", "new line"),
        (",", "comma"),
        ("，", "comma"),
        ("/", "slash"),
        ("+", "plus"),
        ("&", "ampersand"),
        (" ", "space"),
    ],
)
def test_separator_that_the_column_shows_is_taken_for_all_of_it(separator, words):
    tags, [said] = split(separator.join(["red", "green"]), "red", "", "green")
    assert tags == [{"red", "green"}, {"red"}, set(), {"green"}]
    assert words in said.text and not said.doubt


def test_comma_separates_names_that_stand_in_different_places():
    assert split("red, green", "green, blue")[0] == [{"red", "green"}, {"green", "blue"}]


def test_names_with_spaces_that_share_no_word_stay_whole():
    assert split("traffic light", "car", "zebra crossing") == (
        [{"traffic light"}, {"car"}, {"zebra crossing"}],
        [],
    )


@pytest.mark.parametrize("separator", ["/", "+", "&"])
def test_names_that_share_no_part_stay_whole_with_a_warning(separator):
    names = [f"cat{separator}sea", f"dog{separator}sky"]
    tags, [said] = split(*names)
    assert tags == [{name} for name in names] and said.doubt and repr(names[0]) in said.text


@pytest.mark.parametrize("text", ["nan", "NaN", "N/A", "NA", "None", "null", "<NA>"])
def test_what_programs_write_for_nothing_is_no_class(text):
    with pytest.raises(InputError, match=f"Line 3 of labels.csv has the labels '{text}', as programs write"):
        split("cat", text, "dog")


def test_class_that_is_called_like_nothing_can_be_said():
    assert split("cat", "none;")[0] == [{"cat"}, {"none"}]


def test_names_that_differ_in_the_case_of_letters_alone_are_told():
    [said] = case_remarks("labels.csv", ["Cat", "cat", "dog"])
    assert said.text.startswith("'Cat' and 'cat' count as different classes in labels.csv") and said.doubt
    assert case_remarks("labels.csv", ["cat", "dog"]) == []


def test_space_beside_a_semicolon_is_part_of_a_name():
    assert split("polar bear;seal", "brown bear;")[0] == [{"polar bear", "seal"}, {"brown bear"}]


@pytest.mark.parametrize(
    "texts",
    [
        ("polar bear", "brown bear"),
        ("red green", "red"),
        ("a,b", "c,d"),
        ("a、b", "c、d"),
        ("a;b", "a,c"),
        ("a;b", "a/c"),
        ("cat/sky", "dog/sky"),
        ("cat+sky", "dog+sky"),
        ("-cat dog", "cat"),
    ],
)
def test_column_that_can_be_read_in_two_ways_is_refused_with_a_line(texts):
    with pytest.raises(InputError, match=r"Line \d of labels.csv has the labels .*join tags by ';'"):
        split(*texts)
