"""Boxes on pictures."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfapp.detection.scores.matching import match, overlapping_pairs
from tfapp.report.colours import BLUE, GREEN, RED, qualitative, rgb
from tfapp.report.contact_sheet import as_rgb

_MOST_ACROSS = 640
_GREY = "#8c8c8c"
# Of detections that are correct or false, of objects that no detection has found, and of what counts neither way.
CORRECT_COLOUR, FALSE_COLOUR, MISSED_COLOUR, IGNORED_COLOUR = GREEN, RED, BLUE, _GREY
# Texts, colours, and whether lines are dashed, as those of objects are.
_LEGEND = (
    ("correct", CORRECT_COLOUR, False),
    ("its object", CORRECT_COLOUR, True),
    ("false", FALSE_COLOUR, False),
    ("missed object", MISSED_COLOUR, True),
    ("difficult object", IGNORED_COLOUR, True),
)
# Places of names within boxes, so that those of two boxes in one place can both be read.
_TOP_LEFT, _BOTTOM_LEFT, _BOTTOM_RIGHT = range(3)


def draw_boxes(image, boxes, class_names):
    """Return an image with boxes and the names of their classes, those of difficult objects dashed.

    Args:
        image: float32 (height, width, 1 or 3) in [0, 1].
        boxes: `tfapp.data.boxed.Boxes`.
        class_names: Of the labels.

    Returns:
        uint8 (height, width, 3); large images are reduced to 640 pixels across, so that lines stay visible.
    """
    sheet = _Canvas(image)
    for corners, label, difficult in zip(boxes.corners, boxes.labels, boxes.difficult, strict=True):
        sheet.box(corners, rgb(qualitative(int(label))), class_names[label], dashed=difficult)
    return sheet.picture()


def draw_found(image, detections, class_names):
    """Return an image with the boxes that a detector found, each with its class and score, in the colour of the class.

    Args:
        image: float32 (height, width, 1 or 3) in [0, 1].
        detections: `tfapp.detection.detections.Detections` in it.
        class_names: Of the labels.

    Returns:
        As of `draw_boxes`.
    """
    sheet = _Canvas(image)
    # The surest last, and so on top.
    for place in np.argsort(detections.scores, kind="stable").tolist():
        label = int(detections.labels[place])
        text = f"{class_names[label]} {detections.scores[place]:.2f}"
        sheet.box(detections.corners[place], rgb(qualitative(label)), text)
    return sheet.picture()


def draw_detections(image, boxes, detections, class_names, *, iou=0.5, score=0.5, legend=True):
    """Return an image with what a detector found in it, and what it missed.

    Correct detections are green and false ones red, with their class and score; objects that no detection has found
    are blue and dashed, with their class. Difficult objects are grey and dashed, detections of them grey. The box of
    an object that was found is a thin green dashed line, so that one sees how well the detection fits.

    Args:
        image: float32 (height, width, 1 or 3) in [0, 1].
        boxes: `tfapp.data.boxed.Boxes` of the image.
        detections: `tfapp.detection.detections.Detections` in it.
        class_names: Of the labels.
        iou: Least overlap of a detection with its object, as of `match`.
        score: Least score of detections that are drawn; an object is missed if no detection of this score has found it.
        legend: Whether a strip below the image tells the colours.

    Returns:
        uint8 (height, width, 3); large images are reduced to 640 pixels across, so that lines stay visible.
    """
    shown = detections[np.asarray(detections.scores) >= score]
    matching = match(overlapping_pairs([boxes], [shown]), iou)
    found = set(matching.objects[matching.correct].tolist())
    sheet = _Canvas(image)
    for place, (corners, label, difficult) in enumerate(
        zip(boxes.corners, boxes.labels, boxes.difficult, strict=True)
    ):
        if place in found:
            sheet.box(corners, rgb(CORRECT_COLOUR), dashed=True, thin=True)
        else:
            colour = rgb(IGNORED_COLOUR if difficult else MISSED_COLOUR)
            sheet.box(corners, colour, class_names[label], dashed=True, place=_BOTTOM_LEFT)
    # The surest last, so that it lies on top.
    for place in np.argsort(shown.scores, kind="stable").tolist():
        label = class_names[shown.labels[place]]
        colour, corner = FALSE_COLOUR, _BOTTOM_RIGHT
        if matching.correct[place]:
            colour, corner = CORRECT_COLOUR, _TOP_LEFT
        elif matching.ignored[place]:
            colour, corner = IGNORED_COLOUR, _TOP_LEFT
        sheet.box(shown.corners[place], rgb(colour), f"{label} {shown.scores[place]:.2f}", place=corner)
    picture = sheet.picture()
    return np.concatenate([picture, detection_legend(picture.shape[1])]) if legend else picture


def detection_legend(width):
    """Return a strip that tells the colours of `draw_detections`, uint8 (height, width, 3), in lines as they fit."""
    size = max(9, width // 45)
    font = ImageFont.load_default(size)
    lengths = [round(4 * size + font.getlength(text)) for text, _, _ in _LEGEND]
    places, x, y = [], size // 2, 0
    for length in lengths:
        if x + length > width and x > size:
            x, y = size // 2, y + 2 * size
        places.append((x, y + size))
        x += length
    strip = Image.new("RGB", (width, y + 2 * size), "white")
    draw = ImageDraw.Draw(strip)
    for (x, y), (text, colour, dashed) in zip(places, _LEGEND, strict=True):
        end, dash = x + 2 * size, size // 2 if dashed else 2 * size
        for start in range(x, end, 2 * dash):
            draw.line((start, y, min(start + dash, end), y), fill=rgb(colour), width=max(2, size // 6))
        draw.text((x + 2.5 * size, y), text, fill="black", font=font, anchor="lm")
    return np.asarray(strip)


class _Canvas:
    """A picture to draw boxes on, reduced where the image is large.

    Args:
        image: float32 (height, width, 1 or 3) in [0, 1].
    """

    def __init__(self, image):
        picture = Image.fromarray(as_rgb(image))
        self._scale = min(1.0, _MOST_ACROSS / max(picture.size))
        if self._scale < 1:
            size = tuple(max(1, round(length * self._scale)) for length in picture.size)
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        self._picture = picture
        self._draw = ImageDraw.Draw(picture)
        self._width = max(1, round(max(picture.size) / 300))
        self._font = ImageFont.load_default(max(9, max(picture.size) // 45))
        self._texts = []

    def picture(self):
        """Return what was drawn, uint8 (height, width, 3)."""
        # Last, so that no line crosses a text.
        for text in self._texts:
            self._label(*text)
        return np.asarray(self._picture)

    def box(self, corners, colour, text=None, *, dashed=False, thin=False, place=_TOP_LEFT):
        """Draw the box of corners (y1, x1, y2, x2) of the image, with a text at a place in it."""
        y1, x1, y2, x2 = (float(corner) * self._scale for corner in corners)
        width = 1 if thin else self._width
        if dashed:
            _dashed(self._draw, (x1, y1, x2, y2), colour, width)
        else:
            ends = (max(x1, x2 - 1), max(y1, y2 - 1))
            self._draw.rectangle((x1, y1, *ends), outline=colour, width=width)
        if text is not None:
            self._texts.append((text, colour, (x1, y1, x2, y2), place))

    def _label(self, text, colour, box, place):
        x, y = box[0] + self._width, box[1] + self._width
        left, top, right, bottom = self._draw.textbbox((0, 0), text, self._font)
        if place != _TOP_LEFT:
            y = max(y, box[3] - self._width - bottom)
        if place == _BOTTOM_RIGHT:
            x = max(x, box[2] - self._width - right)
        # Within the picture, at whose border names would be cut.
        x = max(0, round(min(x, self._picture.width - right - 1)))
        y = max(0, round(min(y, self._picture.height - bottom - 1)))
        self._draw.rectangle((x + left - 1, y + top - 1, x + right, y + bottom), fill=colour)
        self._draw.text((x, y), text, fill=_ink_on(colour), font=self._font)


def _ink_on(colour):
    """Return black or white, whichever can be read on a colour (red, green, blue) in 0..255."""
    red, green, blue = colour[:3]
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else "white"


def _dashed(draw, box, colour, width, dash=6):
    x1, y1, x2, y2 = box
    for start in np.arange(x1, x2, 2 * dash):
        for y in (y1, y2):
            draw.line((start, y, min(start + dash, x2), y), fill=colour, width=width)
    for start in np.arange(y1, y2, 2 * dash):
        for x in (x1, x2):
            draw.line((x, start, x, min(start + dash, y2)), fill=colour, width=width)
