"""Contact sheets: pictures in a grid."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def as_rgb(image):
    """Return a float image in [0, 1] with 1 or 3 channels as uint8 (height, width, 3)."""
    return np.rint(255 * np.broadcast_to(image, (*image.shape[:2], 3))).astype(np.uint8)


def contact_sheet(rows, column_titles, cell=160, captions=None):
    """Paste pictures into a grid with a line of titles, if there are any.

    Args:
        rows: List of rows, each a list of uint8 (height, width, 3) pictures of any size.
        column_titles: One text per column.
        cell: Longer side of the pictures in pixels; they keep their proportions.
        captions: Texts to write into the cells, in the shape of `rows`, or None.

    Returns:
        A PIL image.
    """
    gap, font = 6, ImageFont.load_default(max(10, cell // 12))
    # On the picture, where a title's size would hide much of a large one.
    small = ImageFont.load_default(max(10, min(cell // 12, 16)))
    title_height = 10 + int(font.size) if any(column_titles) else gap
    rows = [[_fitted(picture, cell) for picture in row] for row in rows]
    height = max(picture.height for row in rows for picture in row)
    size = (len(column_titles) * (cell + gap) + gap, title_height + len(rows) * (height + gap) + gap)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(column_titles):
        draw.text((gap + column * (cell + gap), 4), title, fill="black", font=font)
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            corner = (gap + c * (cell + gap), title_height + r * (height + gap))
            sheet.paste(picture, corner)
            if captions and captions[r][c]:
                _write_caption(draw, corner, captions[r][c], small)
    return sheet


def _write_caption(draw, corner, text, font):
    place = (corner[0] + 3, corner[1] + 2)
    draw.rectangle(draw.textbbox(place, text, font), fill="white")
    draw.text(place, text, fill="black", font=font)


def _fitted(picture, cell):
    image = Image.fromarray(picture)
    scale = cell / max(image.size)
    size = tuple(max(1, round(length * scale)) for length in image.size)
    # Enlarged pixels stay visible as pixels; reductions are averaged.
    return image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
