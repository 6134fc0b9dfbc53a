"""Boxes on pictures."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfapp.report.colours import qualitative, rgb
from tfapp.report.contact_sheet import as_rgb

_MOST_ACROSS = 640


def draw_boxes(image, boxes, class_names):
    """Return an image with boxes and the names of their classes, those of difficult objects dashed.

    Args:
        image: float32 (height, width, 1 or 3) in [0, 1].
        boxes: `tfapp.data.boxed.Boxes`.
        class_names: Of the labels.

    Returns:
        uint8 (height, width, 3); large images are reduced to 640 pixels across, so that lines stay visible.
    """
    picture = Image.fromarray(as_rgb(image))
    scale = min(1.0, _MOST_ACROSS / max(picture.size))
    if scale < 1:
        size = tuple(max(1, round(length * scale)) for length in picture.size)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    width = max(1, round(max(picture.size) / 300))
    font = ImageFont.load_default(max(9, max(picture.size) // 45))
    for corners, label, difficult in zip(boxes.corners, boxes.labels, boxes.difficult, strict=True):
        y1, x1, y2, x2 = (float(corner) * scale for corner in corners)
        colour = rgb(qualitative(int(label)))
        if difficult:
            _dashed(draw, (x1, y1, x2, y2), colour, width)
        else:
            draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=width)
        place = (x1 + width, y1 + width)
        draw.rectangle(draw.textbbox(place, class_names[label], font), fill=colour)
        draw.text(place, class_names[label], fill="white", font=font)
    return np.asarray(picture)


def _dashed(draw, box, colour, width, dash=6):
    x1, y1, x2, y2 = box
    for start in np.arange(x1, x2, 2 * dash):
        for y in (y1, y2):
            draw.line((start, y, min(start + dash, x2), y), fill=colour, width=width)
    for start in np.arange(y1, y2, 2 * dash):
        for x in (x1, x2):
            draw.line((x, start, x, min(start + dash, y2)), fill=colour, width=width)
