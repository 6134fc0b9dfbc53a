"""Damage of mesh files: counts, indices and coordinates that cannot be."""

import re

from tests.malformed.pictures import spoilt

NUMBERS = [
    b"0",
    b"-1",
    b"1",
    b"200000000",
    b"100000000000",
    b"nan",
    b"inf",
    b"1e38",
    b"1e400",
    b"\xb2",
    b"",
    b"99",
]


def mesh(content, rng):
    """Return a mesh with other counts, indices or coordinates, or with bytes changed."""
    text = not content.startswith(bytes(80)) and b"binary" not in content[:60]
    if rng.random() < (0.2 if text else 0.5):
        return spoilt(content, rng)
    if content.startswith(bytes(80)):
        count = rng.choice((0, 1, 2**31, 2**32 - 1, 10**6))
        return content[:80] + count.to_bytes(4, "little") + content[84 : rng.choice((84, 200, len(content)))]
    head, mark, body = content.partition(b"end_header\n")
    if not mark:
        return _other_number(content, rng)
    match rng.randrange(4):
        case 0:
            head = _other_number(head, rng)
        case 1:
            old, new = rng.choice(
                [
                    (b"uchar int", b"double float"),
                    (b"float x", b"list uchar float x"),
                    (b"ascii", b"binary_big_endian"),
                    (b"binary_little_endian", b"ascii"),
                    (b"vertex_indices", b"other"),
                    (b"property float z\n", b""),
                    (b"ply", b"plx"),
                ]
            )
            head = head.replace(old, new)
        case 2 if text:
            body = _other_number(body, rng)
        case _:
            body = body[: rng.randrange(len(body))]
    return head + mark + body


def cloud(content, rng):
    """Return a point cloud, PLY or PCD, with other counts or coordinates, or with bytes changed."""
    if content.startswith(b"ply"):
        return mesh(content, rng)
    head, mark, body = content.partition(b"DATA binary\n")
    match rng.randrange(4):
        case 0:
            head = _other_number(head, rng)
        case 1:
            mark = rng.choice(
                (b"DATA ascii\n", b"DATA binary_compressed\n", b"DATA \n", b"DATA binary\r\n", b"")
            )
        case 2:
            body = body[: rng.randrange(len(body))]
        case _:
            return spoilt(content, rng)
    return head + mark + body


def _other_number(content, rng):
    found = list(re.finditer(rb"[-0-9.]+", content))
    chosen = rng.choice(found)
    return content[: chosen.start()] + rng.choice(NUMBERS) + content[chosen.end() :]
