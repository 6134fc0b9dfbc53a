import pytest

from tfapp.data.tags import split_tags
from tfapp.errors import InputError


def split(*texts):
    return split_tags("labels.csv", list(enumerate(texts, 2)))


@pytest.mark.parametrize(
    ("separator", "words"), [(";", "semi"), ("|", "bar"), (",", "comma"), (" ", "space")]
)
def test_separator_that_the_column_shows_is_taken_for_all_of_it(separator, words):
    tags, said = split(separator.join(["red", "green"]), "red", "", "green")
    assert tags == [{"red", "green"}, {"red"}, set(), {"green"}] and words in said


def test_comma_separates_names_that_stand_in_different_places():
    assert split("red, green", "green, blue")[0] == [{"red", "green"}, {"green", "blue"}]


def test_names_with_spaces_that_share_no_word_stay_whole():
    assert split("traffic light", "car", "zebra crossing") == (
        [{"traffic light"}, {"car"}, {"zebra crossing"}],
        None,
    )


def test_space_beside_a_semicolon_is_part_of_a_name():
    assert split("polar bear;seal", "brown bear;")[0] == [{"polar bear", "seal"}, {"brown bear"}]


@pytest.mark.parametrize(
    "texts", [("polar bear", "brown bear"), ("red green", "red"), ("a,b", "c,d"), ("a;b", "a,c")]
)
def test_column_that_can_be_read_in_two_ways_is_refused_with_a_line(texts):
    with pytest.raises(InputError, match=r"Line \d of labels.csv has the labels .*join tags by ';'"):
        split(*texts)
