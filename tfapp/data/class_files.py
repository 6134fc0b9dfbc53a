"""Lists of classes in the forms that people have them: `classes.txt` by order, value or colour, of CVAT and labelme.

A line is one class. What a list could mean in two ways is refused with its line, never guessed.
"""

import re
from dataclasses import dataclass

from tfapp.errors import InputError
from tfapp.files import check_regular_file, read_text

# The value of the mask array that stands for "no label", so that there are at most so many classes.
IGNORE_VALUE = 255
IGNORE_NAME = "ignore"
# labelme counts its classes from this one, which is -1; pictures made of its labels store it as 255.
LABELME_IGNORE = "__ignore__"
_LARGEST = 2**31 - 1

# ASCII digits alone: `²` and `٣` are letters of a name.
_VALUE_FIRST = re.compile(r"[(\[]?(-?[0-9]+)(?:\s*[,:;=]\s*|\s*[.)\]]\s+|\s+-\s+|\s+)(.+)")
# As tables quote it, `"2","car"` or `'2' car`, and as YAML lists it, `- 2: car`.
_VALUE_WRAPPED = re.compile(
    r"""(?:[-*]\s+)?(["']?)(-?[0-9]+)\1(?:\s*[,:;=]\s*|\s*[.)\]]\s+|\s+-\s+|\s+)(["']?)(.+?)\3,?"""
)
_VALUE_LAST = re.compile(r"(.+?)(?:\s*[,:;=]\s*|\s+)(-?[0-9]+)")
_COLOUR = r"([0-9]{1,3})(?:\s*[,;]\s*|\s+)([0-9]{1,3})(?:\s*[,;]\s*|\s+)([0-9]{1,3})"
# CVAT's labelmap.txt is NAME:R,G,B:PARTS:ACTIONS.
_COLOUR_LAST = re.compile(rf"(.+?)(?:\s*[,:;=]\s*|\s+){_COLOUR}(?::[^:]*){{0,2}}")
_COLOUR_FIRST = re.compile(rf"{_COLOUR}(?:\s*[,:;]\s*|\s+)(.*[^\W0-9].*)")
# A number of its own, no part of a word such as `t2` or `3d`.
# Numbers that are no plain ones: with a point, an exponent or a base, or in digits of another script.
_OTHER_NUMBER = re.compile(
    r"[-+]?(0[xob][0-9a-f_]+|[0-9]*\.[0-9]*(e[-+]?[0-9]+)?|[0-9]+e[-+]?[0-9]+|(?![0-9]+$)\d+)", re.IGNORECASE
)
_NUMBER = re.compile(r"(?<!\w)-?[0-9]+(?!\w)")
_FORMS = "'NAME', 'VALUE NAME' or 'NAME:R,G,B' in every line"


@dataclass(frozen=True)
class ClassList:
    """The classes that a file lists.

    Attributes:
        names: Name of each class.
        values: Mask value of each class; of a list of colours its place in the list.
        ignored: Mask values without a label.
        given: Whether the file says the values or colours, and not the order of its lines.
        colours: Colour of each value from 0 on, (red, green, blue) from 0 to 255; empty if the file lists none.
    """

    names: tuple[str, ...]
    values: tuple[int, ...]
    ignored: tuple[int, ...]
    given: bool = False
    colours: tuple[tuple[int, int, int], ...] = ()


def read_class_list(path):
    """Read a list of classes.

    Lines are `NAME` in the order of the values 0, 1, 2, ...; `VALUE NAME` in any order; or `NAME:R,G,B` (also
    `R G B NAME`) for masks of these colours, with a space, tab, comma, colon or semicolon between. Empty lines and what
    follows `#` do not count, nor do quotes around values and names, and the dashes of a YAML list in front of values.
    Classes called `ignore` or `__ignore__` have no label. A list of names that begins with labelme's `__ignore__`
    counts from the second line on.

    Args:
        path: `Path` of the file.

    Returns:
        `ClassList`.

    Raises:
        InputError: For a file that is not UTF-8 text, a line that is not of the form of the others or can be read in
            two ways, fewer than 2 or more than 255 classes, or a name, value or colour that stands twice.
    """
    lines = _lines(path)
    entries = _coloured(path, lines) or _valued(path, _unwrapped(lines))
    if entries is not None:
        return entries
    _refuse_numbered_names(path, lines)
    _refuse_numbers_beside_names(path, lines)
    names = [line for _, line in lines]
    if names and names[0][0] in "[{":
        raise _refused(path, *lines[0], "it looks like JSON")
    if LABELME_IGNORE in names[1:]:
        number, line = next(entry for entry in lines[1:] if entry[1] == LABELME_IGNORE)
        raise _refused(
            path, number, line, "its value is not clear: it must be the first line, or 'VALUE NAME'"
        )
    if names[:1] == [LABELME_IGNORE]:
        return _checked(path, lines[1:], list(enumerate(names[1:])), ignored=(IGNORE_VALUE,))
    return _checked(path, lines, list(enumerate(names)))


def _lines(path):
    """Return (number, text) of the lines that say something."""
    check_regular_file(path, "a list of classes")
    try:
        text = read_text(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InputError(f"{path} is not UTF-8 text; save it with that encoding.")
    numbered = enumerate(text.splitlines(), 1)
    # `cell #1` is a name: a remark has a space on either side, or the whole line.
    stripped = ((number, re.sub(r"(^|\s)#(\s.*|$)", "", line).strip()) for number, line in numbered)
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def _coloured(path, lines):
    """Return the `ClassList` of a list of colours, or None if it is none."""
    tried = {form: [form.fullmatch(line) for _, line in lines] for form in (_COLOUR_LAST, _COLOUR_FIRST)}
    form, matches = max(tried.items(), key=lambda entry: sum(map(bool, entry[1])))
    if not any(matches):
        return None
    for (number, line), match in zip(lines, matches, strict=True):
        if match is None:
            raise _refused(path, number, line, "other lines have a colour and this one does not")
    pairs = []
    for (number, line), match in zip(lines, matches, strict=True):
        parts = list(match.groups())
        name = parts.pop(0 if form is _COLOUR_LAST else 3)
        colour = tuple(map(int, parts))
        if max(colour) > 255:
            raise _refused(path, number, line, "a colour is three numbers from 0 to 255")
        if _VALUE_FIRST.fullmatch(name) or re.fullmatch("-?[0-9]+", name):
            raise _refused(path, number, line, "it has a value and a colour: leave the value out")
        pairs.append((colour, name))
    colours = tuple(colour for colour, _ in pairs)
    for place, colour in enumerate(colours):
        if colour in colours[:place]:
            raise _refused(path, *lines[place], f"the colour {_shown(colour)} stands there twice")
    return _checked(path, lines, [(place, name) for place, (_, name) in enumerate(pairs)], (), True, colours)


def _valued(path, lines):
    """Return the `ClassList` of a list of `VALUE NAME`, or None if it is none."""
    matches = [_VALUE_FIRST.fullmatch(line) for _, line in lines]
    if not any(matches):
        return None
    pairs = []
    for (number, line), match in zip(lines, matches, strict=True):
        if match is None:
            raise _refused(path, number, line, "other lines begin with a value and this one does not")
        value, name = match.groups()
        if re.fullmatch(r"[-0-9\s,:;]+", name):
            raise _refused(path, number, line, "it has numbers and no name")
        if len(value) > 11 or abs(int(value)) > _LARGEST:
            raise _refused(path, number, line, f"a value is at most {_LARGEST}")
        pairs.append((int(value), name))
    return _checked(path, lines, pairs, (), True)


def _unwrapped(lines):
    """Return lines, those that begin with a value in quotes or behind a dash as `VALUE NAME`."""
    matches = [_VALUE_FIRST.fullmatch(line) or _VALUE_WRAPPED.fullmatch(line) for _, line in lines]
    return [
        (number, f"{match[2]} {match[4]}" if match and match.re is _VALUE_WRAPPED else line)
        for (number, line), match in zip(lines, matches, strict=True)
    ]


def _refuse_numbers_beside_names(path, lines):
    """Refuse names of which each has a value, or a colour, of its own in a form that is not read, such as `"2 car"`."""
    for number, line in lines:
        first, _, rest = line.partition(" ")
        if rest and _OTHER_NUMBER.fullmatch(first.rstrip(",:;=")):
            raise _refused(path, number, line, "its first word is a number of another spelling")
    numbers = [tuple(map(int, _NUMBER.findall(line))) for _, line in lines]
    # A first line may name the columns.
    first = 1 if numbers and not numbers[0] else 0
    found, places = numbers[first:], range(first, len(lines))
    names = {re.sub(r"[\W_]+", " ", _NUMBER.sub("", lines[place][1])).strip() for place in places} - {""}
    if (
        len(found) < 2
        or len({len(one) for one in found}) > 1
        or len(set(found)) < len(found)
        or len(names) < 2
    ):
        return
    if len(found[0]) == 1 and [number for (number,) in found] not in (list(places), list(range(len(found)))):
        raise _refused(path, *lines[first], "its number may be a value")
    if len(found[0]) in (3, 4):
        raise _refused(path, *lines[first], "its numbers may be a colour")


def _refuse_numbered_names(path, lines):
    """Refuse `NAME VALUE`, and names that are numbers in another order than their lines."""
    matches = [_VALUE_LAST.fullmatch(line) for _, line in lines]
    # `class 0`, `class 1` are names; `background 0`, `cell 1` are values behind names.
    if lines and all(matches) and len({match[1] for match in matches}) > 1:
        raise _refused(path, *lines[0], "the value must stand first, 'VALUE NAME'")
    for place, (number, line) in enumerate(lines):
        if re.fullmatch("-?[0-9]+", line) and line != str(place):
            raise _refused(path, number, line, "it is a number and no name")


def _refuse_doubled(path, lines, words, what):
    """Raise InputError, which names both lines, if one of the words, a word for each line, stands twice."""
    numbers = {}
    for (number, _), word in zip(lines, words, strict=True):
        if word in numbers:
            raise InputError(
                f"{path} has the {what} {word!r} in line {numbers[word]} and again in line {number}; expected a "
                f"different {what} in every line."
            )
        numbers[word] = number


def _checked(path, lines, pairs, ignored=(), given=False, colours=()):
    without_label = [value for value, name in pairs if _is_ignored(name)]
    classes = [(value, name) for value, name in pairs if not _is_ignored(name)]
    values, names = tuple(value for value, _ in classes), tuple(name for _, name in classes)
    named = [line for line, (_, name) in zip(lines, pairs, strict=True) if not _is_ignored(name)]
    _refuse_doubled(path, named, names, "class name")
    _refuse_doubled(path, lines, [value for value, _ in pairs], "value")
    if not 2 <= len(classes) <= IGNORE_VALUE:
        raise InputError(
            f"{path} lists {len(classes)} classes; expected 2 to {IGNORE_VALUE} lines, each with a different class "
            "name, or 'VALUE NAME', each with a different value."
        )
    return ClassList(names, values, (*ignored, *without_label), given, colours)


def _is_ignored(name):
    return name.lower() in (IGNORE_NAME, LABELME_IGNORE)


def _refused(path, number, line, reason):
    return InputError(f"Line {number} of {path} is {line!r}, and {reason}; expected {_FORMS}.")


def _shown(colour):
    return ",".join(map(str, colour))
