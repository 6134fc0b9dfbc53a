"""The malformed inputs: which file is damaged in which way, and the command that then reads it."""

import os
import random
import shlex
import shutil
import socket
from dataclasses import dataclass

from tests.malformed import pictures
from tests.malformed.targets import AMOUNTS, LINE, LINES, TARGETS, WORDS


@dataclass(frozen=True)
class Input:
    """A malformed input, as it lies on the disk.

    Attributes:
        kind: What is damaged.
        change: How, for people.
        words: What is typed after `tfapp`.
    """

    kind: str
    change: str
    words: tuple[str, ...]

    def __str__(self):
        return f"{self.kind}, {self.change}: tfapp {shlex.join(self.words)}"


def make(number, seed, place, only=None):
    """Damage one of the inputs below a place, and return the `Input`.

    Args:
        number: Which of the sequence; the kinds come in turn, the command line every sixth time.
        seed: Of the sequence.
        place: `Path` of a folder with whole inputs, which is changed.
        only: The one kind that is wanted, or None.
    """
    rng = random.Random(f"{seed} {number}")
    if only == LINE or (only is None and number % 6 == 5):
        return _typed(rng, place)
    targets = [target for target in TARGETS if only in (None, target.kind)]
    target = targets[(number - number // 6) % len(targets)]
    files = sorted(file for pattern in target.files for file in place.glob(pattern))
    file = rng.choice(files)
    command = rng.choice(target.commands).format(file.relative_to(place))
    change = _damage(file, target.damage, rng)
    return Input(target.kind, f"{file.relative_to(place)} {change}", tuple(shlex.split(command)))


def whole_lines():
    """Return every command line, for inputs that are whole."""
    lines = {
        # The weights are of another network: whole, they are refused as well.
        **dict.fromkeys(line for target in TARGETS if target.kind != "weights" for line in target.commands),
        **dict.fromkeys(LINES),
    }
    files = [f"parts/{name}" for name in ("block.ply", "packed.ply", "block.obj", "block.stl")]
    return [line.format(name) for line in lines for name in (files if "{}" in line else [""])]


def _damage(file, damage, rng):
    content = file.read_bytes()
    share = rng.random()
    if share < 0.12:
        return _occupy(file, rng)
    if share < 0.22:
        other, words = rng.choice(
            [
                (b"", "empty"),
                (content[: len(content) // 2], "cut in half"),
                (content[:3], "cut to three bytes"),
                (bytes(len(content)), "all zero"),
                (content + content, "twice"),
                (b"\x1f\x8b" + content, "said to be compressed"),
                (
                    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
                    "a pointer of Git LFS",
                ),
                (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "a page of a server"),
                (b"PK\x05\x06" + bytes(18), "an empty archive"),
            ]
        )
        file.write_bytes(other)
        return words
    if share < 0.3:
        file.write_bytes(pictures.spoilt(content, rng))
        return "with other bytes"
    file.write_bytes(damage(content, rng))
    return "damaged"


def _occupy(file, rng):
    """Put something that is no file in the place of one."""
    file.unlink()
    match rng.randrange(7):
        case 0:
            os.mkfifo(file)
            return "a pipe"
        case 1:
            file.mkdir()
            return "a folder"
        case 2:
            file.symlink_to(file.name)
            return "a link to itself"
        case 3:
            file.symlink_to("/dev/zero")
            return "a device without end"
        case 4:
            file.symlink_to("nowhere")
            return "a link to nothing"
        case 5:
            # Its path may be longer than that of a socket can be.
            with socket.socket(socket.AF_UNIX) as one:
                here = os.open(file.parent, os.O_RDONLY)
                one.bind(f"/proc/self/fd/{here}/{file.name}")
                os.close(here)
            return "a socket"
        case _:
            return "missing"


def _typed(rng, place):
    """Change a command line: a value, a name, a word too many or too few."""
    os.mkfifo(place / "fifo")
    words = shlex.split(rng.choice(LINES))
    free = [
        index
        for index in range(2, len(words))
        if not words[index].startswith("--") and words[index - 1] not in AMOUNTS
    ]
    match rng.randrange(8):
        case 0:
            words.remove(rng.choice(words))
            change = "a word less"
        case 1:
            words.insert(rng.randrange(1, len(words) + 1), rng.choice(WORDS))
            change = "a word more"
        case 2:
            out = words.index("--out") if "--out" in words else None
            name = _bad_folder(rng, place)
            words = [*words, "--out", name] if out is None else [*words[: out + 1], name, *words[out + 2 :]]
            change = "a place that cannot be written"
        case _ if free:
            words[rng.choice(free)] = rng.choice(WORDS)
            change = "another value"
        case _:
            words += ["--seed", rng.choice(WORDS)]
            change = "another seed"
    return Input(LINE, change, tuple(words))


def _bad_folder(rng, place):
    """Return the name of something in whose place nothing can be written."""
    name = rng.choice(("file", "below", "full", "long", "loop", "fifo", "undecodable", "inputs", "device"))
    if name == "file":
        (place / "taken").write_text("mine")
        return "taken"
    if name == "full":
        (place / "full").mkdir()
        shutil.copy(place / "small.keras", place / "full" / "mine.keras")
        return "full"
    if name == "loop":
        (place / "loop").symlink_to("loop")
    return {
        "below": "small.keras/new",
        "long": "n" * 300,
        "loop": "loop",
        "fifo": "fifo",
        "undecodable": os.fsdecode(b"new\xff\xfe"),
        "inputs": "own",
        "device": "/dev/null",
    }[name]
