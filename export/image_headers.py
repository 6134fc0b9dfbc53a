"""Headers of encoded images, read inside the graph: format, size and orientation before anything is decoded.

A file of a few kilobytes may decode to gigabytes, and TensorFlow's decoders read some kinds of file otherwise than
Pillow does. Both show in the first bytes, so that they are refused before memory is used. Nothing here fails on
damaged files: positions beyond the end read as zeros, and what is wrong is told as a sentence.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

SEND = "send a PNG, JPEG, BMP or GIF file"
PNG, JPEG, BMP, GIF, WEBP, TIFF, UNKNOWN = range(7)
_SIGNATURES = (
    (PNG, b"\x89PNG\r\n\x1a\n"),
    (JPEG, b"\xff\xd8\xff"),
    (BMP, b"BM"),
    (GIF, b"GIF87a"),
    (GIF, b"GIF89a"),
    (TIFF, b"II*\0"),
    (TIFF, b"MM\0*"),
    (TIFF, b"II+\0"),
    (TIFF, b"MM\0+"),
)
# Honest files have a few dozen segments; a loop in the graph costs about 0.1 ms a turn.
_MOST_SEGMENTS = 2000
_MOST_GIF_BLOCKS = 65_536  # of 255 bytes: 16 MB of compressed pixels
_LONGEST_TAIL = 65_536
_NO_MARKER = "the file is damaged: no pixels were found in it; save it again"
# Pillow turns by these tags too, where no EXIF does.
_XMP_TURN = r'\C*tiff:Orientation(="|>)[2-8]\C*'
_LATE_EXIF = r"\C*eXIf(II\*\x00|MM\x00\*)\C*"
_TURNED = (
    "its orientation is noted where the server does not read it; turn the pixels and save it without the note"
)
_SEVERAL = "the file holds several frames (an animation); send each as a file of its own"


class Header(NamedTuple):
    """What the first bytes of a file say; every entry is a scalar tensor.

    Attributes:
        kind: int32, one of the constants of this module.
        height, width: int64, pixels as stored, before any turn; 0 where they cannot be read.
        orientation: int32, 1 to 8 as in EXIF.
        end: int64, number of bytes of the file that the decoder is to see.
        problem: string, why the file cannot be served and what to send instead; empty for a good one.
    """

    kind: tf.Tensor
    height: tf.Tensor
    width: tf.Tensor
    orientation: tf.Tensor
    end: tf.Tensor
    problem: tf.Tensor

    @property
    def pixels(self):
        """int64, what decoding the file gives."""
        return self.height * self.width


def read_header(contents):
    """Return the `Header` of one file, a scalar string tensor."""
    kind = _kind(contents)
    found = tf.switch_case(
        kind,
        [
            lambda: _png(contents),
            lambda: _jpeg(contents),
            lambda: _bmp(contents),
            lambda: _gif(contents),
            lambda: _refused(contents, f"WebP files are not served; {SEND}"),
            lambda: _refused(contents, f"TIFF files are not served; {SEND}"),
            lambda: _refused(contents, f"Unknown image file format, or an empty file; {SEND}"),
        ],
    )
    return Header(kind, *found)


def part_of(contents, start, count):
    """Return `count` bytes of the string `contents` from `start`, fewer at its end."""
    start = tf.clip_by_value(tf.cast(start, tf.int64), 0, _length(contents))
    return tf.strings.substr(contents, start, tf.cast(count, tf.int64))


def bytes_at(contents, start, count):
    """Return `count` bytes of the string `contents` from `start` as int64 `(count,)`, zeros beyond its end."""
    raw = tf.io.decode_raw(part_of(contents, start, count), tf.uint8)
    padded = tf.pad(tf.cast(raw, tf.int64), [[0, tf.cast(count, tf.int32) - tf.size(raw)]])
    return tf.ensure_shape(padded, [count if isinstance(count, int) else None])


def little(values):
    """Whole number of little-endian bytes, along the last axis."""
    return big(values[..., ::-1])


def big(values):
    """Whole number of big-endian bytes, along the last axis."""
    count = values.shape[-1]
    return tf.reduce_sum(values * tf.constant([256**power for power in reversed(range(count))], tf.int64), -1)


def _length(contents):
    return tf.cast(tf.strings.length(contents), tf.int64)


def _kind(contents):
    def starts(signature):
        return tf.equal(part_of(contents, 0, len(signature)), signature)

    kind = tf.constant(UNKNOWN)
    for candidate, signature in _SIGNATURES:
        kind = tf.where(starts(signature), candidate, kind)
    webp = starts(b"RIFF") & tf.reduce_all(bytes_at(contents, 8, 4) == list(b"WEBP"))
    return tf.where(webp, WEBP, kind)


def _first_problem(*cases):
    """The sentence of the first case, pairs of a condition and a sentence, that holds; empty if none does."""
    problem = tf.constant("")
    for wrong, sentence in reversed(cases):
        problem = tf.where(wrong, sentence, problem)
    return problem


def _zero():
    return tf.constant(0, tf.int64)


def _refused(contents, sentence):
    return _zero(), _zero(), tf.constant(1), _length(contents), tf.constant(sentence)


def _png(contents):
    head = bytes_at(contents, 0, 33)
    width, height = big(head[16:20]), big(head[20:24])
    right = tf.reduce_all(head[12:16] == list(b"IHDR"))

    def step(place, exif, frames, found, turns):
        chunk = bytes_at(contents, place, 12)
        length, name = big(chunk[:4]), chunk[4:8]
        is_animation = tf.reduce_all(name == list(b"acTL"))
        # Without a word before it, the first picture is none of the frames that are counted.
        frames -= tf.cast(tf.reduce_all(name == list(b"fcTL")), tf.int64)
        is_exif = tf.reduce_all(name == list(b"eXIf")) & (exif == 0)
        found = tf.reduce_all(name == list(b"IDAT"))
        return (
            tf.where(found, place, place + 12 + length),
            tf.where(is_exif, place + 8, exif),
            tf.where(is_animation, big(chunk[8:12]) + 1, frames),
            found,
            turns + 1,
        )

    place, exif, frames, found, _ = _walk(
        contents, step, (tf.constant(8, tf.int64), _zero(), _zero(), False, 0)
    )
    orientation = _orientation(contents, exif)
    before = part_of(contents, 0, place)
    tail = part_of(contents, tf.maximum(place, _length(contents) - _LONGEST_TAIL), _LONGEST_TAIL)
    elsewhere = (orientation == 0) & (
        tf.strings.regex_full_match(before, _XMP_TURN)
        | tf.strings.regex_full_match(before, r"\C*Raw profile type exif\C*")
        | tf.strings.regex_full_match(tail, _LATE_EXIF)
    )
    problem = _first_problem(
        # Beyond 31 bits PNG has no sides, and the product of two would overflow.
        (~(right & found) | (width * height == 0) | (tf.maximum(width, height) >= 2**31), _NO_MARKER),
        (frames > 1, _SEVERAL),
        (elsewhere, _TURNED),
    )
    height, width = (tf.where(problem == "", side, 0) for side in (height, width))
    return height, width, tf.maximum(orientation, 1), _length(contents), problem


def _jpeg(contents):
    # Every operation in the loop is paid in each of its turns: zeros behind the file spare looking for its end, a
    # table each chain of comparisons, and one product all whole numbers of a segment.
    total = _length(contents)
    followed = tf.strings.join([contents, bytes(_SEGMENT_BYTES)])

    def step(place, height, width, components, exif, found, turns):
        raw = tf.io.decode_raw(
            tf.strings.substr(followed, place, tf.constant(_SEGMENT_BYTES, tf.int64)), tf.uint8
        )
        numbers = tf.reduce_sum(tf.cast(raw, tf.int64) * _SEGMENT_NUMBERS, -1)
        begin, marker, length, name, rows, columns, samples = tf.unstack(tf.ensure_shape(numbers, [7]))
        fixed, is_frame, ends = tf.unstack(tf.gather(_MARKERS, marker))
        frame = is_frame == 1
        is_exif = (marker == 0xE1) & (name == _EXIF) & (exif == 0)
        # What stands between segments, or ends the file, makes decoders search; honest files have none of it.
        lost = (begin != 0xFF) | (ends == 1)
        found = (marker == 0xDA) & ~lost
        onward = place + tf.where(fixed > 0, fixed, 2 + tf.maximum(length, 2))
        return (
            tf.where(lost, total, tf.where(found, place, onward)),
            # A second frame is an error to decoders; whichever they took, the larger one is counted.
            tf.where(frame, tf.maximum(height, rows), height),
            tf.where(frame, tf.maximum(width, columns), width),
            tf.where(frame, samples, components),
            tf.where(is_exif, place + 10, exif),
            found,
            turns + 1,
        )

    start = (tf.constant(2, tf.int64), _zero(), _zero(), _zero(), _zero(), False, 0)
    place, height, width, components, exif, found, _ = _walk(contents, step, start)
    orientation = _orientation(contents, exif)
    before = part_of(contents, 0, place)
    problem = _first_problem(
        (~found | (width * height == 0), _NO_MARKER),
        (
            components == 4,
            "CMYK colours depend on the program that reads them; send the image as RGB or grey",
        ),
        ((orientation == 0) & tf.strings.regex_full_match(before, _XMP_TURN), _TURNED),
    )
    return height, width, tf.maximum(orientation, 1), _length(contents), problem


def _segment_numbers():
    """Weights of the bytes of a JPEG segment in its numbers: first byte, marker, length, name, height, width,
    components."""
    weights = np.zeros((7, _SEGMENT_BYTES), np.int64)
    for number, (start, end) in enumerate([(0, 1), (1, 2), (2, 4), (4, 10), (5, 7), (7, 9), (9, 10)]):
        weights[number, start:end] = 256 ** np.arange(end - start, dtype=np.int64)[::-1]
    return weights


def _jpeg_markers():
    """By marker: how far the next one is where no length says it, whether it is a frame, whether pixels cannot
    follow."""
    table = np.zeros((256, 3), np.int64)
    table[[0x01, *range(0xD0, 0xD8)], 0] = 2  # alone
    table[0xFF, 0] = 1  # a byte that fills
    table[[marker for marker in range(0xC0, 0xD0) if marker not in (0xC4, 0xC8, 0xCC)], 1] = 1
    table[[0x00, 0xD9], 2] = 1
    return table


_SEGMENT_BYTES = 10
_SEGMENT_NUMBERS = _segment_numbers()
_MARKERS = _jpeg_markers()
_EXIF = int.from_bytes(b"Exif\0\0", "big")


def _walk(contents, step, start):
    """Repeat `step` while the place, its first value, lies in the file and its last but one, whether the end was
    found, is false; the last one counts the turns."""

    def unfinished(place, *state):
        return (place < _length(contents)) & ~state[-2] & (state[-1] < _MOST_SEGMENTS)

    values = [tf.convert_to_tensor(value) for value in start]
    return tf.while_loop(unfinished, lambda *state: list(step(*state)), values)


def _orientation(contents, start):
    """The orientation, int32, of the TIFF structure at `start`: 1 to 8, or 0 where there is none."""
    head = bytes_at(contents, start, 8)
    is_little = head[0] == ord("I")

    def number(values):
        return tf.where(is_little, little(values), big(values))

    directory = start + number(head[4:8])
    count = tf.minimum(number(bytes_at(contents, directory, 2)), 1000)
    entries = tf.reshape(bytes_at(contents, directory + 2, 12 * count), (-1, 12))
    is_short = number(entries[:, 2:4]) == 3
    values = tf.where(is_short, number(entries[:, 8:10]), number(entries[:, 8:12]))
    found = (number(entries[:, 0:2]) == 0x0112) & (values >= 1) & (values <= 8) & (start > 0)
    return tf.cast(tf.reduce_max(tf.concat([[0], tf.where(found, values, 0)], 0)), tf.int32)


class BmpHeader(NamedTuple):
    """Layout of a BMP file; int64 scalars.

    Attributes:
        height, width: Pixels; the height as stored is negative where `top_down`.
        top_down: Whether the first row comes first.
        bits: Bits of a pixel.
        compression: 0 for none.
        palette, colours: Place and number of its entries of 4 bytes.
        pixels: Place of the first row.
    """

    height: tf.Tensor
    width: tf.Tensor
    top_down: tf.Tensor
    bits: tf.Tensor
    compression: tf.Tensor
    size: tf.Tensor
    palette: tf.Tensor
    colours: tf.Tensor
    pixels: tf.Tensor

    @property
    def stride(self):
        """Bytes of a row, a multiple of 4."""
        return (self.width * self.bits + 31) // 32 * 4


def read_bmp_header(contents):
    """Return the `BmpHeader` of a BMP file, a scalar string tensor."""
    head = bytes_at(contents, 0, 54)
    size, rows = little(head[14:18]), little(head[22:26])
    top_down = rows >= 2**31
    bits, colours = little(head[28:30]), little(head[46:50])
    full = tf.bitwise.left_shift(tf.constant(1, tf.int64), tf.minimum(bits, 8))
    return BmpHeader(
        height=tf.where(top_down, 2**32 - rows, rows),
        width=little(head[18:22]),
        top_down=top_down,
        bits=bits,
        compression=little(head[30:34]),
        size=size,
        palette=14 + size,
        colours=tf.where(colours == 0, full, tf.minimum(colours, full)),
        pixels=little(head[10:14]),
    )


def _bmp(contents):
    bmp = read_bmp_header(contents)
    known = (bmp.bits == 1) | (bmp.bits == 4) | (bmp.bits == 8) | (bmp.bits == 24) | (bmp.bits == 32)
    unusual = (
        "this BMP file is of a rare kind ({}); save it as BMP of 8 or 24 bits without compression, or as PNG"
    )
    # A width beyond 31 bits is negative, and the product of the two would overflow.
    senseless = (bmp.width >= 2**31) | (bmp.width * bmp.height == 0)
    problem = _first_problem(
        (bmp.size < 40, unusual.format("an OS/2 header")),
        (bmp.compression != 0, unusual.format("compressed, or with colour masks")),
        (~known, unusual.format("bits per pixel other than 1, 4, 8, 24 and 32")),
        (senseless, _NO_MARKER),
        (bmp.pixels + bmp.stride * bmp.height > _length(contents), "the BMP file is cut off; save it again"),
    )
    usable = (problem == "") & ~senseless
    height, width = (tf.where(usable, side, 0) for side in (bmp.height, bmp.width))
    return height, width, tf.constant(1), _length(contents), problem


def _gif(contents):
    data = tf.io.decode_raw(contents, tf.uint8)
    head = bytes_at(contents, 0, 13)
    canvas_width, canvas_height = little(head[6:8]), little(head[8:10])

    def byte(place):
        return tf.cast(data[tf.minimum(place, _length(contents) - 1)], tf.int64)

    def table(flags):
        return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(tf.constant(2, tf.int64), flags % 8), 0)

    def after_blocks(place):
        """The place behind the sub-blocks that begin at `place`."""

        def unfinished(place, turns):
            return (place < _length(contents)) & (byte(place) != 0) & (turns < _MOST_GIF_BLOCKS)

        end, _ = tf.while_loop(
            unfinished, lambda place, turns: [place + 1 + byte(place), turns + 1], [place, tf.constant(0)]
        )
        return end + 1

    def step(place, transparent, found, turns):
        block = bytes_at(contents, place, 4)
        is_extension = block[0] == 0x21
        found = block[0] == 0x2C
        transparent |= is_extension & (block[1] == 0xF9) & (block[3] % 2 == 1)
        onward = tf.cond(is_extension, lambda: after_blocks(place + 2), lambda: _length(contents))
        return tf.where(found, place, onward), transparent, found, turns + 1

    def behind(place, another, turns):
        block = byte(place)
        onward = tf.cond(block == 0x21, lambda: after_blocks(place + 2), lambda: _length(contents))
        return onward, block == 0x2C, turns + 1

    start = (13 + table(head[10]), False, False, 0)
    place, transparent, found, _ = _walk(contents, step, start)
    frame = bytes_at(contents, place, 10)
    left, top, width, height = (little(frame[i : i + 2]) for i in (1, 3, 5, 7))
    # Behind the frame's own palette and one byte that tells the width of its codes.
    end = tf.cond(found, lambda: after_blocks(place + 10 + table(frame[9]) + 1), lambda: _length(contents))
    _, another, _ = _walk(contents, behind, (end, False, 0))
    partial = (left != 0) | (top != 0) | (width != canvas_width) | (height != canvas_height)
    before = part_of(contents, 0, place)
    problem = _first_problem(
        (~found | (width * height == 0) | (end > _length(contents)), _NO_MARKER),
        (another, _SEVERAL),
        (partial, "the frame of the GIF file does not fill it; save it as PNG"),
        (transparent, "the GIF file has transparent pixels, which have no colour; save it as PNG"),
        (tf.strings.regex_full_match(before, _XMP_TURN), _TURNED),
    )
    return height, width, tf.constant(1), tf.minimum(end, _length(contents)), problem
