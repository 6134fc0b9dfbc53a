"""Miniatures of PASCAL VOC in its official layout: class lists, annotations, palette masks and tiny images."""

import numpy as np
from PIL import Image

from tfapp.data.readers.voc import CLASS_NAMES

# Of each image its objects, and whether they are difficult.
TRAINVAL = {
    "000005": [("chair", 0), ("chair", 1), ("person", 0)],
    "000007": [("car", 0)],
    "000009": [("horse", 0), ("person", 1)],
    "000012": [("car", 1), ("car", 1)],
    "000016": [("person", 1), ("person", 0), ("bicycle", 0)],
}
TEST = {
    "000001": [("dog", 0), ("person", 0)],
    "000002": [("train", 0)],
    "000003": [("sofa", 1), ("chair", 0)],
}


def write_voc(root, class_lists=True, year="VOC2007"):
    """Write the miniature below `root/VOCdevkit` and return the folder of its year."""
    root = root / "VOCdevkit" / year
    for folder in ("ImageSets/Main", "JPEGImages", "Annotations"):
        (root / folder).mkdir(parents=True)
    for list_name, images in (("trainval", TRAINVAL), ("test", TEST)):
        write_list(root, list_name, images)
        for image, objects in images.items():
            grey = np.full((8 + int(image), 12, 3), 10 * int(image), np.uint8)
            Image.fromarray(grey).save(root / "JPEGImages" / f"{image}.jpg")
            (root / "Annotations" / f"{image}.xml").write_text(annotation(objects))
        if class_lists:
            write_class_lists(root, list_name, images)
    return root


def write_list(root, list_name, images):
    (root / "ImageSets" / "Main" / f"{list_name}.txt").write_text("".join(f"{image}\n" for image in images))


def write_class_lists(root, list_name, images):
    for name in CLASS_NAMES:
        lines = [f"{image} {official_value(objects, name):2d}\n" for image, objects in images.items()]
        (root / "ImageSets" / "Main" / f"{name}_{list_name}.txt").write_text("".join(lines))


def official_value(objects, name):
    """Return 1 (present), 0 (only difficult objects) or -1 (absent), as the development kit writes them."""
    difficulties = [difficult for other, difficult in objects if other == name]
    return -1 if not difficulties else int(not all(difficulties))


def annotation(objects):
    elements = "".join(
        f"<object><name>{name}</name><pose>Left</pose><difficult>{difficult}</difficult>"
        "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
        "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>"
        for name, difficult in objects
    )
    return f"<annotation><folder>VOC2007</folder><owner><name>?</name></owner>{elements}</annotation>\n"


# Lists of ImageSets/Segmentation, and the (height, width) of each image.
SEGMENTED = {
    "train": {"2007_000032": (14, 20), "2007_000039": (16, 16), "2007_000063": (20, 14)},
    "val": {"2007_000033": (14, 20), "2007_000042": (18, 12)},
}


def write_segmentation(root, year="VOC2011"):
    """Write a miniature with palette masks below `root/VOCdevkit`, and return the folder of its year.

    Each mask is background, and a rectangle of the class that the last digit of the image's name says, with a border of
    255, one pixel wide.
    """
    root = root / "VOCdevkit" / year
    for folder in ("ImageSets/Segmentation", "JPEGImages", "SegmentationClass"):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for list_name, images in SEGMENTED.items():
        (root / "ImageSets" / "Segmentation" / f"{list_name}.txt").write_text(
            "".join(f"{i}\n" for i in images)
        )
        for image, size in images.items():
            pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / "JPEGImages" / f"{image}.jpg")
            mask = np.zeros(size, np.uint8)
            mask[2:-2, 2:-2], mask[3:-3, 3:-3] = 255, int(image[-1])
            save_palette_mask(root / "SegmentationClass" / f"{image}.png", mask)
    return root


def save_palette_mask(path, mask):
    """Write numbers as a PNG with the colours of VOC: bits 0, 1, 2 of the number, then 3, 4, 5, from the highest."""
    picture = Image.fromarray(mask)
    picture.putpalette(
        [
            sum((number >> (3 * place + channel) & 1) << (7 - place) for place in range(3))
            for number in range(256)
            for channel in range(3)
        ]
    )
    picture.save(path)
