import numpy as np
import pytest
import scipy.io
from PIL import Image

from tfapp.data import open_classification
from tfapp.data.image_facts import image_notices
from tfapp.errors import InputError

CLASSES = ("n01440764", "n01443537", "n02084071")
TRUTH = "ILSVRC2012_validation_ground_truth.txt"


def write_picture(path, level, size=(6, 9)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), level, np.uint8)).save(path, "PNG")


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate(CLASSES):
        for image in range(number + 1):
            write_picture(tmp_path / "train" / name / f"{name}_{image}.JPEG", 50 * number)
        write_picture(tmp_path / "val" / name / f"ILSVRC2012_val_0000000{3 - number}.JPEG", 50 * number)
    return tmp_path


@pytest.fixture
def flat(root):
    """The validation images as they are distributed, in one folder: the classes of 1, 2, 3 are 2, 1, 0."""
    for picture in list((root / "val").glob("*/*")):
        picture.rename(root / "val" / picture.name)
    for folder in (root / "val").glob("n*"):
        folder.rmdir()
    return root


@pytest.fixture
def devkit(flat):
    data = flat / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    kinds = [("ILSVRC2012_ID", float), ("WNID", object), ("words", object)]
    rows = [(7.0, CLASSES[1], "goldfish"), (3.0, CLASSES[0], "tench"), (1.0, CLASSES[2], "dog")]
    scipy.io.savemat(data / "meta.mat", {"synsets": np.array(rows, kinds)})
    (data / TRUTH).write_text("1\n7\n3\n")
    return data


def test_folders_are_the_classes_of_both_parts(root):
    data = open_classification(f"imagenet:{root}")
    assert data.class_names == CLASSES
    np.testing.assert_array_equal(data.class_counts(), [[1, 2, 3], [1, 1, 1]])
    assert data.image_shape == (None, None, 3)


def test_images_are_decoded_when_they_are_wanted(root):
    part = open_classification(f"imagenet:{root}").train
    part.files[5].write_bytes(b"spoilt later")
    assert part.read(1).shape == (6, 9, 3)
    assert part.read(1).max() == pytest.approx(50 / 255)
    with pytest.raises(InputError, match="n02084071_2.JPEG is empty or not an image"):
        part.read(5)


def test_images_beside_the_folders_of_classes_are_counted(root):
    write_picture(root / "val" / "ILSVRC2012_val_00000004.JPEG", 0)
    write_picture(root / "train" / "loose.JPEG", 0)
    [notice] = image_notices(open_classification(f"imagenet:{root}"))
    assert notice.startswith(
        f"2 image(s) beside the folders of classes in {root / 'train'} and {root / 'val'} are left"
    )


def test_nothing_is_beside_images_whose_classes_a_list_tells(devkit, flat):
    write_picture(flat / "cover.png", 0)
    assert image_notices(open_classification(f"imagenet:{flat}")) == []


def test_classes_of_the_flat_folder_come_from_the_development_kit(devkit, flat):
    test = open_classification(f"imagenet:{flat}").test
    assert [file.name[-6] for file in test.files] == ["1", "2", "3"]
    assert test.labels.tolist() == [2, 1, 0]


def test_classes_of_the_flat_folder_come_from_the_table(flat):
    lines = [f"ILSVRC2012_val_0000000{n},{CLASSES[3 - n]} 1 2 30 40 {CLASSES[0]} 1 1 2 2" for n in (3, 1, 2)]
    (flat / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + "\n".join(lines) + "\n")
    assert open_classification(f"imagenet:{flat}").test.labels.tolist() == [2, 1, 0]


def test_flat_folder_without_a_list_is_refused(flat):
    with pytest.raises(
        InputError, match="has no ILSVRC2012_devkit_t12 or LOC_val_solution.csv to tell their classes"
    ):
        open_classification(f"imagenet:{flat}")


def test_image_that_the_table_does_not_list_is_named(flat):
    (flat / "LOC_val_solution.csv").write_text(
        "ImageId,PredictionString\nILSVRC2012_val_00000001,n02084071 1 1 2 2\n"
    )
    with pytest.raises(InputError, match="does not list ILSVRC2012_val_00000002.JPEG"):
        open_classification(f"imagenet:{flat}")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (TRUTH, b"1\n7\n", "lists 2 images but .*val holds 3"),
        (TRUTH, b"1\n7\n9\n", "no list of class numbers"),
        (TRUTH, b"1\ntwo\n3\n", "no list of class numbers"),
        (TRUTH, None, "is missing"),
        ("meta.mat", b"no matrix", "meta.mat is missing or damaged"),
        ("meta.mat", None, "meta.mat is missing or damaged"),
    ],
)
def test_damaged_development_kit_is_refused(devkit, flat, name, content, message):
    (devkit / name).unlink()
    if content is not None:
        (devkit / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_classification(f"imagenet:{flat}")


def test_folder_called_test_takes_the_place_of_one_called_val(root):
    (root / "val").rename(root / "test")
    test = open_classification(f"imagenet:{root}").test
    assert test.labels.tolist() == [0, 1, 2] and {file.parts[-3] for file in test.files} == {"test"}


def test_folder_called_val_is_taken_where_there_is_one_called_test_too(root):
    write_picture(root / "test" / "1.JPEG", 1)
    assert len(open_classification(f"imagenet:{root}").test) == 3


def test_folder_called_test_without_classes_is_refused(root):
    (root / "val").rename(root / "other")
    write_picture(root / "test" / "1.JPEG", 1)
    with pytest.raises(InputError, match=r"test has no folders of classes; expected .*test/CLASS/\*.JPEG"):
        open_classification(f"imagenet:{root}")


@pytest.mark.parametrize("part", ["train", "val"])
def test_empty_class_folder_is_named(root, part):
    (root / part / "n03000000").mkdir()
    with pytest.raises(InputError, match=f"{part}/n03000000 has no images .* expected at least one image"):
        open_classification(f"imagenet:{root}")


def test_class_without_training_images_is_refused(root):
    write_picture(root / "val" / "n09999999" / "1.JPEG", 1)
    with pytest.raises(InputError, match="1.JPEG is of the class n09999999, for which .*train has no folder"):
        open_classification(f"imagenet:{root}")


def test_missing_part_tells_the_layout(tmp_path):
    with pytest.raises(
        InputError, match=r"train does not exist; expected train/CLASS/\*.JPEG and val/CLASS/"
    ):
        open_classification(f"imagenet:{tmp_path}")


def test_single_class_is_refused(tmp_path):
    write_picture(tmp_path / "train" / "n01440764" / "1.JPEG", 1)
    with pytest.raises(InputError, match="train has 1 folder.* at least 2"):
        open_classification(f"imagenet:{tmp_path}")
