"""Tags in one cell of a table: what separates them, decided by value for a whole column, or refused."""

import re
from collections import defaultdict

from tfapp.data.dataset import Remark
from tfapp.errors import InputError

# What no name of a class holds: by each, its name in words.
_SURE = {
    ";": "a semicolon",
    "|": "a bar",
    "；": "a semicolon",
    "｜": "a bar",
    "\t": "a tab",
    "\n": "a new line",
}
# What may be part of a name. Commas hardly ever are.
_COMMAS = {",": "a comma", "，": "a comma", "、": "a comma"}
_OTHERS = {"/": "a slash", "+": "a plus", "&": "an ampersand", " ": "a space"}
# What programs write where there is nothing.
_NOTHING = {"nan", "na", "n/a", "#n/a", "<na>", "none", "null", "nil"}
_WAY_OUT = (
    "join tags by ';', as in 'red;green', and end a single one that has such a character with it, as in "
    "'polar bear;'"
)


def split_tags(table, cells):
    """Return the tags of every cell, and remarks on how they were read.

    `;`, `|`, their wide forms, tabs and new lines separate wherever they occur. Without them a comma separates, then a
    slash, plus, ampersand or space, if the column itself says so: all parts of its joined cells also stand alone, or of
    a comma, a part stands in different places. A space is part of the names if no part of one is found elsewhere, as in
    `traffic light`; a slash, plus or ampersand too, which is said. All else can be read in two ways.

    Args:
        table: File of the table, for messages.
        cells: (line, text) of each cell of the column.

    Returns:
        List of sets of tags, and a list of `Remark`s: what separates them, if any cell has more than one tag, and what
        may have been meant otherwise.

    Raises:
        InputError: If it cannot be told whether a character separates, or whether a cell such as `nan` is a name or
            empty; it shows a line.

    Example:

    >>> split_tags("labels.csv", [(2, "red green"), (3, "green"), (4, "red")])[1][0].text
    'The labels of an image in labels.csv are taken to be separated by a space.'
    """
    for line, text in cells:
        if text.casefold() in _NOTHING:
            raise InputError(
                f"Line {line} of {table} has the labels {text!r}, as programs write where there is nothing; leave the "
                f"cell empty if the image shows no class, and write '{text};' if a class is called so."
            )
    texts = [text for _, text in cells]
    sure = [separator for separator in _SURE if any(separator in text for text in texts)]
    if sure:
        tags = [_parts(text, sure) for text in texts]
        _refuse_others_beside(table, cells, tags)
        return tags, [_said(table, " or ".join(dict.fromkeys(_SURE[one] for one in sure)))]
    remarks = []
    for separator, words in {**_COMMAS, **_OTHERS}.items():
        joined = [(line, text) for line, text in cells if separator in text]
        if not joined:
            continue
        if _separates(separator, texts):
            return [_parts(text, [separator]) for text in texts], [_said(table, words)]
        if separator in _COMMAS or not _are_names(texts, separator):
            line, text = joined[0]
            raise InputError(
                f"Line {line} of {table} has the labels {text!r}, which may be one name or several that {words} "
                f"separates; {_WAY_OUT}."
            )
        if separator != " ":
            remarks.append(
                Remark(
                    f"Labels with {words} in {table}, such as {joined[0][1]!r}, are taken for one name each."
                )
            )
    return [{text} - {""} for text in texts], remarks


def case_remarks(table, names):
    """Return a `Remark` for names of classes that differ in the case of their letters alone."""
    alike = defaultdict(list)
    for name in names:
        alike[name.casefold()].append(name)
    return [
        Remark(
            f"{' and '.join(map(repr, group))} count as different classes in {table}: write them alike if they are one."
        )
        for group in alike.values()
        if len(group) > 1
    ]


def _said(table, words):
    return Remark(f"The labels of an image in {table} are taken to be separated by {words}.", doubt=False)


def _parts(text, separators):
    found = re.split("|".join(map(re.escape, separators)), text)
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
    return separator in _COMMAS and any(
        len(found) > 1 or part in alone for part, found in places.items() if part
    )


def _are_names(texts, separator):
    """Return whether no part of a text with separators stands in another text, be it as `Part` or `-part`."""
    owners = defaultdict(set)
    for text in texts:
        for part in text.split(separator):
            owners[re.sub(r"\W", "", part).casefold()].add(text)
    return all(len(found) == 1 for part, found in owners.items() if part)


def _refuse_others_beside(table, cells, tags):
    known = set().union(*tags)
    for (line, text), found in zip(cells, tags, strict=True):
        for tag in found:
            for separator, words in {**_COMMAS, **_OTHERS}.items():
                if separator != " " and separator in tag and _parts(tag, [separator]) & known:
                    raise InputError(
                        f"Line {line} of {table} has the labels {text!r} with {words}, where other lines have ';' or "
                        f"'|'; {_WAY_OUT}."
                    )
