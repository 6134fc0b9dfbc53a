"""Boxes in PASCAL VOC's XML and COCO's JSON files."""

import json

import numpy as np
import pytest
from PIL import Image

from tfapp.data import open_boxes
from tfapp.errors import InputError


def annotation(*objects, size=(40, 30)):
    """Return an XML text of an image of (width, height) with objects (name, xmin, ymin, xmax, ymax, further tags)."""
    written = "".join(
        f"<object><name>{name}</name>{tags}<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax>"
        f"<ymax>{y2}</ymax></bndbox></object>"
        for name, x1, y1, x2, y2, *tags in objects
        for tags in ["".join(tags)]
    )
    width, height = size
    return f"<annotation><size><width>{width}</width><height>{height}</height></size>{written}</annotation>"


def write_image(path, size=(40, 30), form="PNG"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "white").save(path, form)


@pytest.fixture
def folder(tmp_path):
    """Images and annotations side by side: `a` with a cat and a difficult dog, `b` with a cat."""
    for name, objects in {
        "a": [("cat", 1, 1, 10, 20), ("dog", 5, 6, 40, 30, "<difficult>1</difficult>")],
        "b": [("cat", 3, 4, 8, 9)],
    }.items():
        write_image(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.xml").write_text(annotation(*objects), encoding="utf-8")
    return tmp_path


def test_corners_are_counted_from_1_and_inclusive(folder):
    data = open_boxes(f"voc-boxes:{folder}")
    assert data.class_names == ("cat", "dog") and data.test is None
    np.testing.assert_array_equal(data.train[0].boxes.corners, [[0, 0, 20, 10], [5, 4, 30, 40]])
    assert data.train[0].boxes.difficult.tolist() == [False, True]
    np.testing.assert_array_equal(data.train.counts(2), [[2, 0], [0, 1]])


def test_file_with_the_ending_of_another_format_is_read(folder):
    (folder / "a.png").unlink()
    write_image(folder / "a.jpg", form="PNG")
    assert open_boxes(f"voc-boxes:{folder}").train[0].read().shape == (30, 40, 3)


def test_size_that_is_not_told_is_that_of_the_image(folder):
    (folder / "b.xml").write_text(annotation(("cat", 3, 4, 8, 9), size=(0, 0)), encoding="utf-8")
    assert open_boxes(f"voc-boxes:{folder}").train[1].size == (30, 40)


def test_boxes_without_area_or_outside_are_left_out_and_told(folder):
    objects = [("cat", 3, 4, 8, 9), ("cat", 7, 7, 7, 7), ("cat", 60, 4, 70, 9), ("cat", 30, 20, 50, 28)]
    (folder / "b.xml").write_text(annotation(*objects), encoding="utf-8")
    data = open_boxes(f"voc-boxes:{folder}")
    np.testing.assert_array_equal(data.train[1].boxes.corners, [[3, 2, 9, 8], [19, 29, 28, 40]])
    assert [remark.text for remark in data.remarks] == [
        "Boxes without area were left out: 1, the first is object 2 of b.xml.",
        "Boxes outside of the image were left out: 1, the first is object 3 of b.xml.",
        "Boxes that reach beyond the image were cut: 1, the first is object 4 of b.xml.",
    ]


@pytest.fixture
def official(tmp_path):
    """The layout of PASCAL VOC 2007 with an image for training and one for testing."""
    root = tmp_path / "VOCdevkit" / "VOC2007"
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (root / "Annotations").mkdir()
    for name, split in (("000001", "trainval"), ("000002", "test")):
        write_image(root / "JPEGImages" / f"{name}.jpg", form="JPEG")
        (root / "Annotations" / f"{name}.xml").write_text(annotation(("sofa", 1, 2, 3, 4)), encoding="utf-8")
        (lists / f"{split}.txt").write_text(f"{name}\n", encoding="utf-8")
    return tmp_path


def test_official_lists_are_the_splits(official):
    data = open_boxes(f"voc2007:{official}")
    assert [image.name for split in data.splits for image in split] == ["000001", "000002"]
    assert data.num_classes == 20 and data.class_names[data.test[0].boxes.labels[0]] == "sofa"


def test_one_list_without_the_usual_ones_leaves_the_test_open(official):
    lists = official / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
    (lists / "trainval.txt").unlink()
    (lists / "test.txt").rename(lists / "mine.txt")
    data = open_boxes(f"voc2007:{official}?train=mine")
    assert [image.name for image in data.train] == ["000002"] and data.test is None


@pytest.mark.parametrize(
    ("options", "message"),
    [("", "it has mine. Name one, as in 'voc2007:PATH"), ("?test=mine", "names the list for testing alone")],
)
def test_lists_that_are_not_told_are_asked_for(official, options, message):
    lists = official / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
    (lists / "trainval.txt").unlink()
    (lists / "test.txt").rename(lists / "mine.txt")
    with pytest.raises(InputError, match=message):
        open_boxes(f"voc2007:{official}{options}")


def test_fingerprint_depends_on_the_boxes(folder):
    before = open_boxes(f"voc-boxes:{folder}").fingerprint()
    (folder / "b.xml").write_text(annotation(("cat", 3, 4, 8, 10)), encoding="utf-8")
    assert open_boxes(f"voc-boxes:{folder}").fingerprint() != before


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (
            annotation(("bird", 1, 2, 3, "four")),
            "ymin, xmin, ymax, xmax = 2, 1, four, 3; expected four numbers",
        ),
        ("<annotation><object><name>cat</name></object></annotation>", "Object 1 of .* has no box"),
        ("<annotation><object/></annotation>", "Object 1 of .* has no name"),
        ("<html/>", "expected an <annotation>"),
        ("<annotation>", "is damaged"),
    ],
)
def test_malformed_annotation_is_one_sentence(folder, xml, message):
    (folder / "b.xml").write_text(xml, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        open_boxes(f"voc-boxes:{folder}")


def test_class_that_is_not_in_the_list_of_classes_is_named(folder):
    (folder / "classes.txt").write_text("bird\ncat\n", encoding="utf-8")
    with pytest.raises(InputError, match="is of the class 'dog'; expected one of: bird, cat"):
        open_boxes(f"voc-boxes:{folder}")


def test_image_of_another_size_than_its_boxes_is_refused(folder):
    write_image(folder / "a.png", size=(20, 30))
    with pytest.raises(InputError, match="has 20x30 pixels, its boxes are for 40x30"):
        open_boxes(f"voc-boxes:{folder}").train[0].read()


def test_image_and_annotation_without_the_other_are_named(folder):
    write_image(folder / "c.png")
    with pytest.raises(InputError, match="c.png has no annotation"):
        open_boxes(f"voc-boxes:{folder}")
    (folder / "c.png").unlink()
    (folder / "d.xml").write_text(annotation(), encoding="utf-8")
    with pytest.raises(InputError, match="d.xml has no image"):
        open_boxes(f"voc-boxes:{folder}")


def test_split_without_boxes_is_refused(official):
    file = official / "VOCdevkit" / "VOC2007" / "Annotations" / "000002.xml"
    file.write_text(annotation(), encoding="utf-8")
    with pytest.raises(InputError, match="No image for testing .* has a box that counts"):
        open_boxes(f"voc2007:{official}")


def coco_content(names, boxes):
    return {
        "images": [
            {"id": 7 + place, "file_name": name, "height": 30, "width": 40}
            for place, name in enumerate(names)
        ],
        "annotations": [
            {"image_id": 7 + image, "category_id": category, "bbox": box, **more}
            for image, category, box, more in boxes
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}],
    }


@pytest.fixture
def coco(tmp_path):
    """Two JSON files in `annotations/` and images in `train2017/` and `val2017/`."""
    (tmp_path / "annotations").mkdir()
    for split, boxes in {
        "train2017": [(0, 18, [1.5, 2, 10, 20], {}), (0, 3, [4, 5, 6, 7], {"iscrowd": 1})],
        "val2017": [(0, 3, [0, 0, 5, 5], {})],
    }.items():
        write_image(tmp_path / split / f"{split}.png")
        file = tmp_path / "annotations" / f"instances_{split}.json"
        file.write_text(json.dumps(coco_content([f"{split}.png"], boxes)), encoding="utf-8")
    return tmp_path


def test_coco_has_corner_width_and_height_and_classes_by_their_ids(coco):
    data = open_boxes(f"coco:{coco}")
    assert data.class_names == ("car", "dog") and [len(split) for split in data.splits] == [1, 1]
    np.testing.assert_array_equal(data.train[0].boxes.corners, [[2, 1.5, 22, 11.5], [5, 4, 12, 10]])
    assert data.train[0].boxes.labels.tolist() == [1, 0] and data.train[0].boxes.difficult.tolist() == [
        False,
        True,
    ]
    assert data.test[0].read().shape == (30, 40, 3)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda content: content.pop("categories"), "not of COCO's form"),
        (
            lambda content: content["annotations"][0].update(bbox=[1, 2, 3]),
            r"bbox \[1, 2, 3\]; expected four numbers",
        ),
        (
            lambda content: content["annotations"][0].update(image_id=1),
            "image_id 1, which none of the images",
        ),
        (
            lambda content: content["annotations"][0].update(category_id=5),
            "category_id 5, which none of the categories",
        ),
        (lambda content: content["images"][0].update(file_name="../up.png"), "outside of its folder"),
        (lambda content: content["images"][0].update(file_name="gone.png"), "gone.png, which is not there"),
        (lambda content: content["categories"].pop(), "other categories"),
        (lambda content: content["annotations"][0].pop("bbox"), "Entry 1 of annotations .* lacks one of"),
    ],
)
def test_malformed_coco_file_is_one_sentence(coco, edit, message):
    file = coco / "annotations" / "instances_val2017.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    edit(content)
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        open_boxes(f"coco:{coco}")


def test_lone_list_for_training_is_used_and_its_images_are_all(official):
    lists = official / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
    (lists / "test.txt").unlink()
    data = open_boxes(f"voc-boxes:{official / 'VOCdevkit' / 'VOC2007'}")
    assert [image.name for image in data.train] == ["000001"] and data.test is None


def test_lone_list_for_testing_is_refused(official):
    lists = official / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
    (lists / "trainval.txt").unlink()
    with pytest.raises(InputError, match="has test.txt, and none of the usual lists for training"):
        open_boxes(f"voc-boxes:{official / 'VOCdevkit' / 'VOC2007'}")


def remarks(folder):
    return " ".join(remark.text for remark in open_boxes(f"voc-boxes:{folder}").remarks)


def test_classes_that_differ_by_case_alone_are_told(folder):
    (folder / "b.xml").write_text(annotation(("Cat", 3, 4, 8, 9)), encoding="utf-8")
    assert "'Cat' and 'cat' count as different classes" in remarks(folder)


def test_image_that_exif_turns_is_told(folder):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.new("RGB", (40, 30), "white").save(folder / "a.png", exif=exif)
    assert "1 image(s) are turned by their orientation in EXIF, the first is a.png" in remarks(folder)


def test_annotation_of_an_image_of_another_name_is_told(folder):
    text = annotation(("cat", 3, 4, 8, 9)).replace(
        "<annotation>", "<annotation><filename>x.jpg</filename>", 1
    )
    (folder / "b.xml").write_text(text, encoding="utf-8")
    assert (
        "1 annotation(s) say that they are of an image of another name, the first is b.xml (x.jpg)"
        in remarks(folder)
    )


def write_coco(root, **files):
    """Write images and JSON files of COCO: of each file the numbers of its images, or a change of its content."""
    for number in range(6):
        write_image(root / f"{number}.png")
    for name, (numbers, change) in files.items():
        content = {
            "images": [{"id": n, "file_name": f"{n}.png", "height": 30, "width": 40} for n in numbers],
            "annotations": [{"image_id": n, "category_id": 1, "bbox": [1, 2, 10, 8]} for n in numbers],
            "categories": [{"id": 1, "name": "cat"}],
        }
        change(content)
        (root / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return f"coco:{root}"


def test_images_for_training_and_for_testing_are_not_the_same(tmp_path):
    spec = write_coco(tmp_path, train=(range(4), lambda c: None), test=(range(3, 6), lambda c: None))
    with pytest.raises(InputError, match=r"has the image 3.png twice, in one list or in those for training"):
        open_boxes(spec)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["images"][0].update(file_name="1.png"), "has the image 1.png twice"),
        (lambda c: c["images"][0].update(id=[0]), r"Entry 1 of images .* has id \[0\]; expected a number"),
        (lambda c: c["annotations"][0].update(image_id=[1]), r"has image_id \[1\]; expected a number"),
        (lambda c: c["annotations"][0].update(category_id={}), "has category_id {}; expected a number"),
        (
            lambda c: c["categories"][0].update(id=[3]),
            r"Entry 1 of categories .* has id \[3\]; expected a number",
        ),
        (lambda c: c["categories"][0].update(name=None), "has name None; expected a text"),
        (lambda c: c["categories"][0].update(name=" "), "has name ' '; expected a text"),
        (
            lambda c: c["annotations"][0].update(bbox="1234"),
            "has bbox '1234'; expected a list of four numbers",
        ),
        (lambda c: c["annotations"][0].update(iscrowd="0"), "has iscrowd '0'; expected 0 or 1"),
    ],
)
def test_coco_of_other_types_is_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        open_boxes(write_coco(tmp_path, all=(range(6), change)))
