"""Pictures of pixels as files and within pages."""

import base64
from io import BytesIO

from tfapp.files import atomic_path


def save_image(image, path) -> None:
    """Write a PIL picture in the format that the name of the file says, by write-then-rename."""
    with atomic_path(path) as temporary:
        image.save(temporary)


def jpeg_address(image, quality) -> str:
    """Return a PIL picture as the `data:` address of a JPEG in full colour resolution.

    Args:
        image: PIL picture.
        quality: From 1 to 95.
    """
    content = BytesIO()
    # Halved colours would blur borders that are one pixel wide.
    image.save(content, "JPEG", quality=quality, subsampling=0, optimize=True)
    return data_address("image/jpeg", content.getvalue())


def data_address(kind, content) -> str:
    """Return an address that holds its content whole, so that a page asks no other file for it.

    Args:
        kind: Media type, such as `image/png`.
        content: Bytes.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
