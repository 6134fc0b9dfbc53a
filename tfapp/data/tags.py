"""Several tags in one cell of a table: what separates them, decided by value for a whole column, or refused."""

import re
from collections import defaultdict

from tfapp.errors import InputError

# What no name of a class holds. A comma or a space may be part of one.
_SURE = re.compile("[;|]")
_WAY_OUT = (
    "join tags by ';', as in 'red;green', and end a single one that has such a character with it, as in "
    "'polar bear;'"
)


def split_tags(table, cells):
    """Return the tags of every cell, and what separates them.

    `;` and `|` separate wherever they occur. Without them a comma separates, then a space, if the column itself says
    so: all parts of its joined cells also stand alone, or of a comma, a part stands in different places. A space is
    part of the names if no part of one is found elsewhere, as in `traffic light`. All else can be read in two ways.

    Args:
        table: File of the table, for messages.
        cells: (line, text) of each cell of the column.

    Returns:
        List of sets of tags, and the separator in words; None if no cell has more than one tag.

    Raises:
        InputError: If it cannot be told whether a comma or a space separates; it shows a line.

    Example:

    >>> split_tags("labels.csv", [(2, "red green"), (3, "green"), (4, "red")])[1]
    'a space'
    """
    texts = [text for _, text in cells]
    if any(map(_SURE.search, texts)):
        tags = [_parts(text, ";|") for text in texts]
        _refuse_commas_beside(table, cells, tags)
        return tags, "a semicolon or bar"
    for separator, words in ((",", "a comma"), (" ", "a space")):
        joined = [(line, text) for line, text in cells if separator in text]
        if not joined:
            continue
        if _separates(separator, texts):
            return [_parts(text, separator) for text in texts], words
        if separator == "," or not _are_names(texts):
            line, text = joined[0]
            raise InputError(
                f"Line {line} of {table} has the labels {text!r}, which may be one name or several that {words} "
                f"separates; {_WAY_OUT}."
            )
    return [{text} - {""} for text in texts], None


def _parts(text, separators):
    found = text.split() if separators == " " else re.split(f"[{separators}]", text)
    return {part.strip() for part in found} - {""}


def _separates(separator, texts):
    alone = {text for text in texts if separator not in text}
    places = defaultdict(set)
    for text in texts:
        if separator in text:
            found = text.split() if separator == " " else [part.strip() for part in text.split(separator)]
            for place, part in enumerate(found):
                places[part].add(place)
    if places.keys() - {""} <= alone:
        return True
    # `green, red` and `blue, green`: names do not turn round.
    return separator == "," and any(len(found) > 1 or part in alone for part, found in places.items() if part)


def _are_names(texts):
    """Return whether no word of a text with spaces stands in another text."""
    owners = defaultdict(set)
    for text in texts:
        for word in text.split():
            owners[word].add(text)
    return all(len(found) == 1 for found in owners.values())


def _refuse_commas_beside(table, cells, tags):
    known = set().union(*tags)
    for (line, text), found in zip(cells, tags, strict=True):
        for tag in found:
            if "," in tag and _parts(tag, ",") & known:
                raise InputError(
                    f"Line {line} of {table} has the labels {text!r} with a comma, where other lines have ';' or '|'; "
                    f"{_WAY_OUT}."
                )
