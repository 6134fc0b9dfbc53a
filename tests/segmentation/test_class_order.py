import warnings

import numpy as np
import pytest
from PIL import Image

from tfapp.data import open_dataset
from tfapp.errors import InputError
from tfapp.segmentation.class_order import in_order_of
from tfapp.segmentation.evaluation import EvaluationData
from tfapp.segmentation.run import Run

BLACK, RED, GREEN, BLUE = COLOURS = ((0, 0, 0), (220, 20, 60), (30, 160, 30), (20, 20, 200))
LABELS = np.repeat(np.repeat([[0, 1], [2, 1]], 6, 0), 6, 1).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes masks of one picture, each with its palette, and opens the folder.

    A palette is an order of colours; the pixels of `LABELS` have the colours black, red and green (or `shown`) in all
    of them. None writes the labels as grey levels.
    """

    def opened(name, *palettes, shown=COLOURS[:3], classes=()):
        root = tmp_path / name
        for part in ("images", "masks"):
            (root / part).mkdir(parents=True)
        for number, palette in enumerate(palettes):
            mask = Image.fromarray(LABELS)
            if palette is not None:
                index = np.array([palette.index(colour) for colour in shown], np.uint8)
                mask = Image.fromarray(index[LABELS])
                mask.putpalette(np.array(palette, np.uint8).tobytes())
            mask.save(root / "masks" / f"{number}.png")
            Image.new("RGB", mask.size, (90, 90, number)).save(root / "images" / f"{number}.png")
        if classes:
            (root / "classes.txt").write_text("\n".join(classes))
        return open_dataset(f"folder:{root}")

    return opened


def run_on(dataset, **changes):
    record = {
        "spec": dataset.spec,
        "fingerprint": "f",
        "images": {},
        "split": {"train": [], "validation": [], "test": []},
        "coding": dataset.coding,
        "colours": dataset.class_colours,
        "class_names": list(dataset.class_names),
        "channels": 3,
    }
    return Run(
        "runs/mine", {"config": {"resize": None, "patch": None, "overlap": 0}, "data": record | changes}
    )


def labels_for(run, dataset):
    """Return the labels of the masks as they are compared with what a run answers, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read, remark = in_order_of(run, dataset)
    assert read.class_names == run.class_names and (remark is None) == (read is dataset)
    return [item.read_mask() for item in read.items]


STRAIGHT, TURNED, ROTATED = (BLACK, RED, GREEN), (BLACK, GREEN, RED), (GREEN, BLACK, RED)


@pytest.mark.parametrize(
    "palettes",
    [(TURNED, STRAIGHT), (TURNED,), (ROTATED,), (STRAIGHT,), (STRAIGHT, ROTATED)],
    ids=["colours count", "palettes agree", "rotated", "same", "same by colour"],
)
@pytest.mark.parametrize("trained", [(STRAIGHT, TURNED), (STRAIGHT,)], ids=["by colour", "by index"])
def test_colours_tell_which_class_is_which_in_other_data(folder, trained, palettes):
    run, data = run_on(folder("A", *trained)), folder("B", *palettes)
    for labels in labels_for(run, data):
        np.testing.assert_array_equal(labels, LABELS)


def test_evaluation_reads_other_data_in_the_order_of_the_run_and_says_so(folder):
    data = EvaluationData(run_on(folder("A", STRAIGHT, TURNED)), folder("B", TURNED, STRAIGHT))
    np.testing.assert_array_equal(data.masks, [LABELS] * 2)
    np.testing.assert_array_equal(data.pairs[0][1], LABELS)
    assert "30,160,30 = class 2 (2), 220,20,60 = class 1 (1)" in data.order_remark


def test_runs_of_before_have_the_colours_of_masks_that_count_by_them(folder):
    run = run_on(folder("A", STRAIGHT, TURNED), colours=None)
    np.testing.assert_array_equal(labels_for(run, folder("B", TURNED, STRAIGHT)), [LABELS] * 2)


def test_data_that_lack_a_class_are_read_by_the_colours_that_they_have(folder):
    run, data = run_on(folder("A", STRAIGHT)), folder("B", (GREEN, RED), shown=(GREEN, RED, GREEN))
    assert data.num_classes == 2
    np.testing.assert_array_equal(labels_for(run, data), [np.where(LABELS == 1, 1, 2)])


def test_names_that_a_person_listed_tell_in_any_order(folder):
    run = run_on(folder("A", STRAIGHT, classes=("sky", "car", "tree")))
    data = folder("B", None, classes=("0 sky", "2 tree", "1 car"))
    assert data.class_names == ("sky", "tree", "car")
    np.testing.assert_array_equal(labels_for(run, data), [LABELS])


def test_listed_names_whose_colours_changed_places_are_doubted(folder):
    run = run_on(folder("A", STRAIGHT, classes=("sky:0,0,0", "car:220,20,60", "tree:30,160,30")))
    data = folder("B", STRAIGHT, classes=("sky:0,0,0", "car:30,160,30", "tree:220,20,60"))
    with pytest.warns(
        UserWarning, match="30,160,30 was tree, here it is car; 220,20,60 was car, here it is tree"
    ):
        in_order_of(run, data)


def test_colour_that_lost_its_label_is_doubted(folder):
    run = run_on(folder("A", STRAIGHT, classes=("sky:0,0,0", "car:220,20,60", "ignore:30,160,30")))
    shown = (BLACK, RED, BLUE)
    lines = ("sky:0,0,0", "ignore:220,20,60", "car:20,20,200")
    with pytest.warns(UserWarning, match="220,20,60 was car, here it is without a label"):
        in_order_of(run, folder("B", shown, shown=shown, classes=lines))


def test_other_colours_of_masks_that_count_by_them_are_refused_and_the_advice_works(folder):
    run = run_on(folder("A", STRAIGHT, TURNED))
    other, turned = (BLACK, RED, BLUE), (BLACK, BLUE, RED)
    with pytest.raises(
        InputError, match=r"20,20,200 \(class 2\).* into the classes.txt of the data: 'class 0:R,G,B'"
    ):
        in_order_of(run, folder("B", other, turned, shown=other))
    lines = ("class 0:0,0,0", "class 2:20,20,200", "class 1:220,20,60")
    data = folder("C", other, turned, shown=other, classes=lines)
    np.testing.assert_array_equal(labels_for(run, data), [LABELS] * 2)


@pytest.mark.parametrize(
    ("trained", "palette", "doubted"),
    [
        ((STRAIGHT,), (BLACK, RED, BLUE), True),
        ((STRAIGHT, TURNED), None, True),
        ((STRAIGHT,), None, False),
        ((None,), STRAIGHT, False),
        ((STRAIGHT,), ((0,) * 3, (1,) * 3, (2,) * 3), False),
    ],
    ids=["other palette", "colours then, none now", "index then", "index now", "palette of levels"],
)
def test_numbers_without_names_are_doubted_where_colours_cannot_tell(folder, trained, palette, doubted):
    run, data = run_on(folder("A", *trained)), folder("B", palette, shown=palette or COLOURS)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        assert in_order_of(run, data) == (data, None)
    assert [("cannot be told" in str(one.message)) for one in found] == [True] * doubted


def test_other_names_are_refused(folder):
    run = run_on(folder("A", STRAIGHT, classes=("sky", "car", "tree")))
    with pytest.raises(
        InputError, match="has the classes sky, car, house; .* was trained for sky, car, tree"
    ):
        in_order_of(run, folder("B", STRAIGHT, classes=("sky", "car", "house")))
