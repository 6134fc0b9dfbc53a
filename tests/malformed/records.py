"""Damage of records and lists: JSON, tables of comma-separated values, lists of classes, annotations."""

import copy
import json
import random

# What may stand where something else is expected: of every type, and of values that break arithmetic.
STRANGERS = [
    None, True, 0, -1, 1.5, 10**20, 10**400, float("nan"), float("inf"), "", "²", "x" * 2000, "\ud800", "[/]",
    [], [[]], [None], {}, {"a": 1}, "NaN", "1", -(2**63), [float("nan")], [1, 2, 3], {"": []},
]  # fmt: skip
CELLS = [
    "",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "²",
    "x",
    "1.0",
    "0x1",
    '"',
    "1,2",
    "[/]",
    "\x00",
    "=1+1",
    " ",
    "9" * 400,
]
LINES = [
    "² a", "1,a", "1\ta", "1: a", "a 1", "-1 a", "300 a", "99999999999999999999 a", "ignore", "255 ignore",
    "ignore 255", "__ignore__", "# a", "", "[/]", "nucleus [dead]", "\x1b[31mred", "x" * 5000, "a,b", "a:1,2,3",
    "a:256,0,0", "1 2 3 a", "0", "1.5 a", "nan a", "\u200b", "٣ a", "a:1,2,3::", "0 a\r0 a", "\x00",
]  # fmt: skip


def places(content, way=()):
    """Yield the way to every entry of a record."""
    entries = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for name, value in entries:
        yield (*way, name)
        yield from places(value, (*way, name))


def mutated(content, rng):
    """Return a record with one to three entries replaced, removed, doubled or renamed."""
    content = copy.deepcopy(content)
    for _ in range(rng.randint(1, 3)):
        ways = list(places(content))
        if not ways:
            return content
        *way, last = rng.choice(ways)
        inner = content
        for name in way:
            inner = inner[name]
        match rng.randrange(6):
            case 0:
                del inner[last]
            case 1 if isinstance(inner, dict):
                inner["other"] = inner.pop(last)
            case 2 if isinstance(inner, list):
                inner.append(inner[last])
            case _:
                inner[last] = copy.deepcopy(rng.choice(STRANGERS))
    return content


def damaged_bytes(content, rng):
    """Return a file with some bytes cut, changed or put in."""
    content, place = bytearray(content), rng.randrange(max(len(content), 1))
    match rng.randrange(4):
        case 0:
            return bytes(content[:place])
        case 1:
            content[place : place + 1] = bytes([rng.randrange(256)])
        case 2:
            content[place:place] = rng.choice(
                [b"[" * 3000, b'"', b"\x00", b"\xb2", b"1e999", b"\xef\xbb\xbf", b",,"]
            )
        case 3:
            del content[place : place + rng.randint(1, 40)]
    return bytes(content)


def json_record(content, rng):
    """Damage one to three entries of a record, or put another JSON value in its place."""
    if rng.random() < 0.1:
        return rng.choice(
            [b"[" * 100_000, b'{"a":' * 50_000, b"null", b"[]", b"{}", b"1e999", b'"\\ud800"', b"9" * 5000]
        )
    return json.dumps(mutated(json.loads(content), rng)).encode("utf-8", "backslashreplace")


def table(content, rng):
    """Change cells, lines and columns of a table."""
    rows = [line.split(",") for line in content.decode().splitlines()]
    for _ in range(rng.choice((1, 1, 2, 4))):
        row = rng.randrange(len(rows))
        column = rng.randrange(max(1, len(rows[row])))
        match rng.randrange(8):
            case 0:
                rows.insert(row, list(rng.choice(rows)))
            case 1 if len(rows) > 1:
                del rows[row]
            case 2:
                for line in rows:
                    del line[column : column + 1]
            case 3:
                rows[row].append(rng.choice(CELLS))
            case 4:
                rng.shuffle(rows)
            case 5:
                for line in rows[1:]:
                    line[column : column + 1] = [rng.choice(CELLS)]
            case _:
                rows[row][column : column + 1] = [
                    rng.choice((*CELLS, "/etc/passwd", "../x.png", "a" * 200_000))
                ]
    separator = rng.choice((",", ",", ",", ",", ";", "\t"))
    return encoded("\n".join(separator.join(row) for row in rows) + "\n", rng)


def lines(content, rng):
    """Change lines of a list."""
    found = content.decode().splitlines()
    for _ in range(rng.choice((1, 1, 2, 3))):
        place = rng.randrange(len(found) + 1)
        match rng.randrange(5):
            case 0:
                found.insert(place, rng.choice(LINES))
            case 1 if found:
                del found[place : place + 1]
            case 2 if found:
                found.insert(place, rng.choice(found))
            case 3:
                found *= rng.choice((0, 2, 300))
            case _:
                found[place : place + 1] = [rng.choice(LINES)]
    return encoded("\n".join(found) + "\n", rng)


def xml(content, rng):
    """Damage an annotation, or have it define entities that stand for each other."""
    if rng.random() < 0.2:
        laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
        return f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]><annotation>&l9;</annotation>'.encode()
    text = content.decode()
    for _ in range(rng.choice((1, 2, 3))):
        old = rng.choice(
            ("<name>", "</name>", "<difficult>", "0", "1", "chair", "<object>", "</annotation>", "person")
        )
        new = rng.choice(("", "<name>", "²", "-1", "nan", "[/]", "&", "<![CDATA[", "9" * 400, "<difficult/>"))
        text = text.replace(old, new, rng.choice((1, -1)))
    return encoded(text, rng)


def encoded(text, rng):
    """Return a text as bytes, now and then not in the encoding or with the ends of lines that are expected."""
    form = rng.random()
    if form < 0.05:
        return text.encode("utf-16", "replace")
    if form < 0.1:
        return text.encode("latin-1", "replace") + b"\xb2\xff"
    if form < 0.2:
        return b"\xef\xbb\xbf" + text.encode("utf-8", "replace")
    return text.replace("\n", "\r" if form < 0.25 else "\n").encode("utf-8", "replace")


def numbered(name):
    """Return a random generator that a name and nothing else decides."""
    return random.Random(name)
