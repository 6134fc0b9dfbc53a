"""Opening of all pictures of people's own: which formats, how many pixels, how many pages, which way up.

Decoding is Pillow's. Every failure is one sentence. A picture is turned as EXIF says, whatever it is read for: an
image, its mask and its depth then always fit each other.
"""

import logging
import os
import re
import struct
import warnings
from contextlib import contextmanager
from threading import Lock
from weakref import finalize

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from tfapp.data import big_tiff, tiff_directories, tiff_tags
from tfapp.data.stacks import declared_pages, page_offsets
from tfapp.data.tiff_page import TiffPage
from tfapp.errors import InputError, either
from tfapp.files import check_regular_file
from tfapp.packed import is_packed

# What people call a format, Pillow's name for it, and the suffixes of its files. Formats that Pillow opens by other
# programs (EPS), or that hold no pixels, are not here.
FORMATS = (
    ("PNG", "PNG", (".png",)),
    ("JPEG", "JPEG", (".jpg", ".jpeg", ".jpe", ".jfif")),
    ("BMP", "BMP", (".bmp",)),
    ("TIFF", "TIFF", (".tif", ".tiff")),
    ("WebP", "WEBP", (".webp",)),
    ("GIF", "GIF", (".gif",)),
    ("PNM", "PPM", (".pgm", ".ppm", ".pbm", ".pnm")),
    ("JPEG 2000", "JPEG2000", (".jp2", ".j2k", ".jpx")),
    ("TGA", "TGA", (".tga",)),
)
IMAGE_SUFFIXES = tuple(suffix for _, _, suffixes in FORMATS for suffix in suffixes)
FORMAT_NAMES = either([name for name, _, _ in FORMATS])
MAX_PIXELS, MAX_PIXELS_VARIABLE = 100_000_000, "TFAPP_MAX_PIXELS"
UPRIGHT, _QUARTER_TURNS = 1, (5, 6, 7, 8)
# What they log of damaged files, without a handler of anybody's, would be printed beside our sentences.
for _library in ("PIL", "tifffile"):
    logging.getLogger(_library).addHandler(logging.NullHandler())
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Chunks of text in a PNG, and those of them that hold EXIF or XMP.
_TEXTS, _LATE_TEXTS = (b"tEXt", b"zTXt", b"iTXt"), (b"Raw profile type ", b"XML:com.adobe.xmp")


def open_image(path, form=None, *, load=True):
    """Return a picture as Pillow's `Image`, turned as EXIF says; the caller closes it.

    Args:
        path: The file, or a `TiffPage`, such as a `Page` of a stack.
        form: What it must be, such as "a PNG file", for the sentence on a file that is not; any image by default.
        load: Whether to decode the pixels, so that damage comes to light here. Otherwise the picture is as it is stored
            until `decode` is called.

    Raises:
        InputError: As `unreadable` words it; or it has more than one page, or more pixels than `pixel_limit` allows.
    """
    with _in_words(path, form), _own_rules():
        check_regular_file(path, "an image")
        image = _opened(path)
        try:
            if isinstance(path, TiffPage):
                _turn_like(path, image)
            else:
                _refuse_pages(path, image)
            if image.format == "TIFF":
                tiff_tags.before_decoding(path, image)
            if load:
                _load_as_tagged(path, image)
        except BaseException:
            image.close()
            raise
    return image


def decode(path, image, form=None):
    """Decode what `open_image` opened without its pixels, and turn it as EXIF says; arguments and errors as there."""
    with _in_words(path, form), _own_rules():
        _load_as_tagged(path, image)


def upright_size(path, image):
    """Return (height, width) that a picture of `open_image` without its pixels will have when it is decoded.

    Raises:
        InputError: As `decode`, for the rare picture that tells its orientation behind its pixels only.
    """
    with _in_words(path, None), _own_rules():
        if image.format == "PNG" and _tells_late(image.fp):
            image.load()
        width, height = image.size
        if image.format == "TIFF":
            # Some versions of Pillow turn the size of a TIFF already when it is opened, others when it is decoded.
            width, height = (
                image.tag_v2[tag] for tag in (ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength)
            )
        turned = orientation(image) in _QUARTER_TURNS
    return (width, height) if turned else (height, width)


def orientation(image):
    """Return the number of the orientation in EXIF of a picture that is not decoded, `UPRIGHT` if it has none."""
    # The PNG class's own getexif would always decode the whole picture.
    with _own_rules():
        return Image.Image.getexif(image).get(ExifTags.Base.Orientation, UPRIGHT)


@contextmanager
def pixel_limit(max_pixels):
    """Within its block, refuse images of more pixels than this, in all threads.

    Args:
        max_pixels: Pixels of one image, at least 1; None for the usual limit, which is `MAX_PIXELS`, or what the
            environment variable TFAPP_MAX_PIXELS says.

    Raises:
        InputError: For less than 1.
    """
    global _chosen_limit
    if max_pixels is not None and max_pixels < 1:
        raise InputError(f"`max_pixels` must be at least 1. Received: {max_pixels}.")
    before, _chosen_limit = _chosen_limit, max_pixels
    try:
        yield
    finally:
        _chosen_limit = before


def check_pixels(path, count):
    """Raise InputError if a picture that is not opened here has more pixels than `pixel_limit` allows."""
    if count > _limit():
        raise InputError(_too_many(path, count))


def unreadable(path, error, form=None):
    """Return the InputError for a picture that could not be opened or decoded.

    Args:
        path: The file.
        error: What the library raised.
        form: As for `open_image`.
    """
    match error:
        case InputError():
            return error
        case FileNotFoundError():
            sentence = f"Image {path} does not exist."
        case PermissionError() | IsADirectoryError():
            sentence = f"Image {path} cannot be opened: {error.strerror}."
        case Image.DecompressionBombError():
            # "Image size (200000000 pixels) exceeds limit of ..."
            sentence = _too_many(path, int(re.search(r"\d+", str(error))[0]))
        case _ if form:
            sentence = f"{path} is damaged or not {form} ({error})."
        case _ if missing := _in_tiff(path, tiff_directories.what_is_cut_off):
            sentence = f"Image {path} is damaged or truncated ({missing}); replace or remove it."
        case UnidentifiedImageError() if kind := _in_tiff(path, tiff_tags.in_words):
            sentence = (
                f"{path} is {kind}, which cannot be read; expected 8 bits (grey, palette, RGB, RGBA or CMYK), 16 bits "
                "(grey, RGB or RGBA), 32-bit whole numbers or 32-bit floats (grey): save it as one of these, or as PNG."
            )
        case UnidentifiedImageError() if is_packed(path):
            sentence = f"{path} is an archive; unpack it and give the image, or the folder of images."
        case UnidentifiedImageError():
            sentence = f"{path} is empty or not an image that can be read; expected {FORMAT_NAMES}."
        case _:
            sentence = f"Image {path} is damaged or truncated ({_reason(error)}); replace or remove it."
    return InputError(sentence)


def _reason(error):
    """Return what a library says of damage, where it says anything to a person."""
    says = getattr(error, "strerror", None) or str(error)
    if says.startswith(_DECODER_FAILED) or not re.search("[a-z]{3}", says):
        return "its pixels cannot be decoded"
    return says.strip().rstrip(".")


_DECODER_FAILED = ("decoder error", "could not create decoder object", "broken data stream")


def _too_many(path, count):
    return (
        f"Image {path} has {count / 1e6:.4g} megapixels; at most {_limit() / 1e6:.4g} megapixels are read: cut it into "
        f"tiles, or raise `max_pixels` (for all commands {MAX_PIXELS_VARIABLE} in the environment)."
    )


@contextmanager
def _in_words(path, form):
    try:
        yield
    except MemoryError:
        raise InputError(f"Image {path} takes more memory than there is; cut it into tiles.") from None
    except Exception as error:  # Pillow raises nearly anything for a damaged file
        raise unreadable(path, error, form) from None


# A TGA has no signature: by its name alone, or other damaged files would be taken for one.
_UNSIGNED = "TGA"
_SIGNED = (*(name for _, name, _ in FORMATS if name != _UNSIGNED), "DIB")


def _formats(path):
    return (*_SIGNED, _UNSIGNED) if os.fspath(path).lower().endswith(".tga") else _SIGNED


def _load_as_tagged(path, image):
    _load(image)
    if image.format == "TIFF":
        tiff_tags.after_decoding(path, image)


def _load(image):
    # A file without a name is not mapped into memory: Pillow maps a turned TIFF by the size that it will have, which
    # mixes its rows, and a mapped file that is cut short meanwhile ends the process.
    image.filename = ""
    image.load()
    ImageOps.exif_transpose(image, in_place=True)


def _tells_late(file):
    """Return whether a PNG has EXIF or XMP behind its pixels, where some programs write it."""
    place, behind, late = file.tell(), False, False
    file.seek(len(_PNG_SIGNATURE))
    while not late and len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        start = file.read(min(length, max(map(len, _LATE_TEXTS)))) if behind and name in _TEXTS else b""
        late = behind and name == b"eXIf" or start.startswith(_LATE_TEXTS)
        behind = behind or name == b"IDAT"
        file.seek(length - len(start) + 4, os.SEEK_CUR)
    file.seek(place)
    return late


def _opened(path):
    head = _head_of(path)
    if head in tiff_directories.SIGNATURES:
        with _tiff(path) as file:
            tiff_directories.Directories(file).check_essential()
    if isinstance(path, TiffPage):
        return _opened_file(path.open(), head)
    if head == big_tiff.SIGNATURE:
        return _opened_file(open(path, "rb"), head)
    return Image.open(path, formats=_formats(path))


def _opened_file(file, head):
    try:
        if head == big_tiff.SIGNATURE:
            file = big_tiff.as_classic(file)
        image = Image.open(file, formats=["TIFF"])
    except BaseException:
        file.close()
        raise
    # Pillow closes files only that it opened itself.
    finalize(image, file.close)
    return image


def _head_of(path):
    with open(path, "rb") as file:
        return file.read(4)


def _tiff(path):
    return path.open() if isinstance(path, TiffPage) else open(path, "rb")


def _in_tiff(path, words):
    """Return what a function of a file says of a TIFF, None of other files and of those that cannot be opened."""
    try:
        if _head_of(path) not in tiff_directories.SIGNATURES:
            return None
        with _tiff(path) as file:
            return words(file)
    except (OSError, tiff_directories.Damaged) as error:
        return str(error) if isinstance(error, tiff_directories.Damaged) else None


def _turn_like(page, image):
    """Have a picture that tells no orientation itself turned as that of its `TiffPage` says."""
    exif = Image.Image.getexif(image)
    if page.orientation and ExifTags.Base.Orientation not in exif:
        exif[ExifTags.Base.Orientation] = page.orientation


def _refuse_pages(path, image):
    pages = _pages(path, image)
    if pages > 1:
        raise InputError(
            f"{path} holds {pages} pages (frames) but is read as one image: split it into one file for each, such as "
            "by ImageJ's Save As > Image Sequence or ImageMagick's `magick IN OUT-%03d.png`."
        )


def _pages(path, image):
    if image.format == "TIFF":
        with open(path, "rb") as file:
            return max(declared_pages(image), len(page_offsets(file)))
    # MPO is what cameras write as .jpg: the photograph, and previews or the other eye of it behind.
    if image.format == "MPO" or not getattr(image, "is_animated", False):
        return 1
    return image.n_frames


_chosen_limit = None
_lock, _inside, _limit_before = Lock(), 0, None
_PASSED_OVER = ("ignore", None, UserWarning, re.compile(r"PIL\."), 0)


def _limit():
    if _chosen_limit is not None:
        return _chosen_limit
    said = os.environ.get(MAX_PIXELS_VARIABLE, str(MAX_PIXELS))
    if not said.isascii() or not said.isdigit() or int(said) < 1:
        raise InputError(f"{MAX_PIXELS_VARIABLE} is {said!r}; expected a number of pixels, at least 1.")
    return int(said)


class _Limit(int):
    """Pillow warns beyond its limit and refuses beyond twice of it: twice of this one is itself, so nothing warns."""

    def __rmul__(self, factor):
        del factor
        return int(self)


@contextmanager
def _own_rules():
    """Within its block, Pillow refuses by our limit, wherever it learns of a size; many threads may be inside.

    What it warns of is passed over: notes beside the pixels (EXIF, tags, an animation that is none) that are damaged,
    which it leaves out. Its warnings name no file, and what is wrong with pixels it raises.
    """
    global _inside, _limit_before
    limit = _Limit(_limit())
    with _lock:
        if not _inside:
            _limit_before = Image.MAX_IMAGE_PIXELS
        # Not `catch_warnings`, which would bring back in one thread what another one has changed meanwhile.
        if _PASSED_OVER not in warnings.filters:
            warnings.filters.insert(0, _PASSED_OVER)
        _inside += 1
        Image.MAX_IMAGE_PIXELS = limit
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                Image.MAX_IMAGE_PIXELS = _limit_before
                if _PASSED_OVER in warnings.filters:
                    warnings.filters.remove(_PASSED_OVER)
