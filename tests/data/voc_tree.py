"""A miniature of PASCAL VOC 2007 in its official layout: class lists, annotations and tiny images."""

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
