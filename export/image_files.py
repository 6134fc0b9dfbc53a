"""Encoded images as tensors inside the graph, the same pixels as `tfapp.data.read_image`, and label images as files."""

import tensorflow as tf

from tfapp.export.image_headers import BMP, GIF, JPEG, PNG, bytes_at, part_of, read_bmp_header, read_header


def scale_to(integers, value_range):
    """Unsigned integers, 0 to the largest of their dtype, as float32 over `value_range`."""
    low, high = value_range
    return tf.cast(integers, tf.float32) / integers.dtype.max * (high - low) + low


def decode_image(contents, num_channels, value_range=(0.0, 1.0), header=None):
    """Decode one file as Pillow would: exact JPEG transform, 16-bit grey PNG at full depth, ITU-R 601 grey.

    `tf.io.decode_image` alone differs from Pillow by up to 3 grey levels on JPEG (its default transform is
    the fast one), keeps the high byte of 16-bit PNG only, takes the indices of BMP for grey levels and knows no
    orientation. Alpha is dropped, not blended; the orientation that cameras note is applied; an
    animation is refused, as it is when it is predicted.

    Args:
        contents: Scalar string tensor, a PNG, JPEG, BMP or GIF file.
        num_channels: 3 (RGB) or 1 (grey).
        value_range: Values of black and white.
        header: `Header` of `contents` if it was read before, or None.

    Returns:
        float32 tensor `(height, width, num_channels)`.

    Raises:
        tf.errors.InvalidArgumentError: When it runs, for a file that is none of these, damaged, or of a kind that
            would be read otherwise than by Pillow; the message says what to send instead.
    """
    # Decoding has CPU kernels only; left open, a server with a GPU may fail to place it inside map_fn.
    with tf.device("cpu:0"):
        header = read_header(contents) if header is None else header
        good = tf.debugging.Assert(header.problem == "", [header.problem])
        with tf.control_dependencies([good]):
            contents = tf.identity(contents)
        decoders = {
            PNG: lambda: _png(contents),
            JPEG: lambda: _eight_bits(tf.io.decode_jpeg(contents, 3, dct_method="INTEGER_ACCURATE")),
            BMP: lambda: _bmp(contents),
            GIF: lambda: _eight_bits(
                tf.io.decode_image(whole_file(contents, header), 3, expand_animations=False)
            ),
        }
        colours, largest = tf.switch_case(header.kind, decoders, default=decoders[GIF])
        colours = colours if num_channels == 3 else _grey(colours)
        low, high = value_range
        image = _turned(tf.cast(colours, tf.float32) / largest * (high - low) + low, header.orientation)
    image.set_shape((None, None, num_channels))
    return image


def whole_file(contents, header):
    """What the decoder is to see of `contents`, strings of the shape of the entries of `header`.

    GIF files are cut behind their frame: the decoder would unpack whatever follows, and the header tells only of a
    further frame that Pillow would find.
    """
    frame = tf.strings.join([tf.strings.substr(contents, tf.zeros_like(header.end), header.end), ";"])
    return tf.where(header.kind == GIF, frame, contents)


def encode_labels(labels, num_classes):
    """PNG file (scalar string) of int32 `labels` `(height, width)`, 8-bit or beyond 256 classes 16-bit."""
    dtype = tf.uint8 if num_classes <= 256 else tf.uint16
    with tf.device("cpu:0"):
        # Half the time of the usual level, for a quarter more bytes.
        return tf.io.encode_png(tf.cast(labels, dtype)[..., tf.newaxis], compression=3)


def _eight_bits(colours):
    colours.set_shape((None, None, 3))
    return tf.cast(colours, tf.int32), tf.constant(255.0)


def _png(contents):
    # Depth and colour type, of the IHDR chunk. Pillow reads grey alone at 16 bits, colours by their high byte.
    form = bytes_at(contents, 24, 2)
    return tf.cond(
        (form[0] == 16) & (form[1] == 0),
        lambda: (tf.cast(tf.io.decode_png(contents, 3, tf.uint16), tf.int32), tf.constant(65535.0)),
        lambda: _eight_bits(tf.io.decode_png(contents, 3)),
    )


def _bmp(contents):
    bmp = read_bmp_header(contents)
    shape = tf.stack([bmp.height, bmp.stride])
    rows = tf.reshape(
        tf.io.decode_raw(part_of(contents, bmp.pixels, bmp.height * bmp.stride), tf.uint8), shape
    )
    rows = tf.cond(bmp.top_down, lambda: rows, lambda: rows[::-1])
    return _eight_bits(
        tf.cond(bmp.bits < 24, lambda: _bmp_palette(contents, bmp, rows), lambda: _bmp_colours(bmp, rows))
    )


def _bmp_palette(contents, bmp, rows):
    bits = tf.cast(bmp.bits, tf.int32)
    shifts = tf.range(8 // bits - 1, -1, -1) * bits
    parts = tf.bitwise.right_shift(tf.cast(rows, tf.int32)[..., tf.newaxis], shifts) % tf.bitwise.left_shift(
        1, bits
    )
    indices = tf.reshape(parts, tf.stack([bmp.height, -1]))[:, : bmp.width]
    entries = tf.reshape(bytes_at(contents, bmp.palette, 4 * bmp.colours), (-1, 4))
    # An index beyond the palette is black, as it is to Pillow.
    palette = tf.pad(entries, [[0, 256 - tf.shape(entries)[0]], [0, 0]])[:, 2::-1]
    return tf.gather(tf.cast(palette, tf.uint8), indices)


def _bmp_colours(bmp, rows):
    samples = bmp.bits // 8
    pixels = tf.reshape(rows[:, : bmp.width * samples], tf.stack([bmp.height, bmp.width, samples]))
    return pixels[..., 2::-1]


def _turned(image, orientation):
    """`image` `(height, width, channels)` turned upright, `orientation` being that of EXIF, 1 to 8."""

    def swapped():
        return tf.transpose(image, (1, 0, 2))

    return tf.switch_case(
        orientation - 1,
        [
            lambda: image,
            lambda: image[:, ::-1],
            lambda: image[::-1, ::-1],
            lambda: image[::-1],
            swapped,
            lambda: swapped()[:, ::-1],
            lambda: swapped()[::-1, ::-1],
            lambda: swapped()[::-1],
        ],
    )


def _grey(colours):
    # Pillow's integer weights of convert("L"): 0.299, 0.587, 0.114 in 1/65536; they leave grey images alone.
    # int64, as 65535 * 65536 overflows int32.
    weights = tf.constant([19595, 38470, 7471], tf.int64)
    total = tf.reduce_sum(tf.cast(colours, tf.int64) * weights, axis=-1, keepdims=True)
    return tf.cast((total + 32768) // 65536, colours.dtype)
