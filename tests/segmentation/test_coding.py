import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from tfapp.data import open_dataset, split_items
from tfapp.errors import InputError
from tfapp.segmentation.coding import coding_changes, on_same_data, refuse_other_coding
from tfapp.segmentation.config import TrainConfig
from tfapp.segmentation.resume import begin_or_resume
from tfapp.segmentation.run import Run


@pytest.fixture
def run_on(make_folder, tmp_path):
    """Return the folder of data, and a function of its class list to a run that was begun on it."""
    root = make_folder(count=2)

    def begun(*classes, **data):
        (root / "classes.txt").write_text("\n".join(classes))
        dataset = open_dataset(f"folder:{root}")
        content = dataset.content_fingerprint()
        record = {
            "spec": dataset.spec,
            "fingerprint": dataset.fingerprint(content),
            "content": content,
            "coding": dataset.coding,
            "class_names": list(dataset.class_names),
        }
        kept = {name: value for name, value in (record | data).items() if value is not None}
        return Run(tmp_path / "run", {"data": kept})

    return begun


LIST = ("0 background", "1 cell", "2 core")


def test_class_list_in_another_order_is_refused_with_what_changed(run_on):
    run = run_on(*LIST)
    run_on("1 background", "0 cell", "2 core")
    with pytest.raises(
        InputError,
        match="classes.txt of .* changed .*: value 0 was background, now it is cell; value 1 was cell, now",
    ):
        _ = run.dataset


def test_same_class_list_written_otherwise_is_the_same_coding(run_on):
    run = run_on(*LIST)
    run_on("background", "# second", "cell", "core")
    assert run.dataset.class_names == ("background", "cell", "core")


def test_run_from_before_the_coding_is_compared_by_names(run_on):
    content = run_on(*LIST).content_fingerprint
    old = {"fingerprint": content, "content": None, "coding": None}
    run = run_on(*LIST, **old)
    assert run.content_fingerprint == run.dataset.content_fingerprint() == content
    assert on_same_data([run, run_on(*LIST)])
    dataset = open_dataset(run_on("0 background", "1 wall", "2 core").record["data"]["spec"])
    with pytest.raises(InputError, match="was cell, now it is wall"):
        refuse_other_coding(run, dataset)


def test_runs_of_other_codings_are_not_on_the_same_data(run_on):
    assert not on_same_data([run_on(*LIST), run_on("1 background", "0 cell", "2 core")])


@pytest.mark.parametrize("coding", [7, {"classes": 3}, {"classes": [["a"]]}, {}])
def test_coding_that_is_none_is_a_damaged_record(run_on, coding):
    run = run_on(*LIST, coding=coding)
    with pytest.raises(InputError, match="is damaged"):
        _ = run.dataset


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        ([["a", 0], ["b", 1]], [["a", 0], ["b", 1]], []),
        ([["a", 0], ["b", 1]], [["a", 0]], ["value 1 was b, now it is no class"]),
        (
            [["a", [0, 0, 9]]],
            [["a", 0]],
            ["colour 0,0,9 was a, now it is no class", "value 0 was no class, now it is a"],
        ),
        ([["a", 0], ["b", 1]], [["b", 1], ["a", 0]], ["the order of the classes was a, b, now it is b, a"]),
    ],
)
def test_changes_are_named_by_value_colour_and_order(then, now, expected):
    codings = ({"classes": one, "ignored": [], "channels": 3} for one in (then, now))
    assert coding_changes(*codings) == expected


def test_value_that_lost_its_label_is_named():
    then = {"classes": [["a", 0]], "ignored": [], "channels": 3}
    assert coding_changes(then, then | {"ignored": [255]}) == [
        "value 255 was no class, now it is without a label"
    ]
    assert coding_changes(then, then | {"channels": 1}) == ["the images had 3 channel(s), now they have 1"]


def test_coding_is_plain_numbers_and_texts(run_on):
    coding = run_on(*LIST).record["data"]["coding"]
    assert coding == {
        "classes": [["background", 0], ["cell", 1], ["core", 2]],
        "ignored": [255],
        "channels": 3,
    }
    assert not any(isinstance(value, np.generic) for _, value in coding["classes"])


@pytest.fixture
def begin(make_folder, tmp_path, monkeypatch):
    """Return a data folder, and a function that begins or resumes a run on it and returns what was said."""
    # Nothing is trained, so no stream of batches is wanted.
    monkeypatch.setattr("tfapp.segmentation.preparation.check_batches", lambda *frames: None)
    root = make_folder(count=6, values=(0, 1, 2), classes=LIST)
    config = TrainConfig(head="softmax", epochs=1, batch_size=2).completed()

    def begin(**options):
        said = []
        dataset = open_dataset(f"folder:{root}")
        begin_or_resume(
            tmp_path / "run", dataclasses.replace(config, **options), dataset, 16, False, said.append
        )
        return said

    return root, begin


def test_interrupted_run_refuses_another_class_list_and_resumes_with_its_own(begin):
    root, begin = begin
    begin()
    (root / "classes.txt").write_text("1 background\n0 cell\n2 core\n")
    with pytest.raises(InputError, match="value 0 was background, now it is cell"):
        begin()
    (root / "classes.txt").write_text("\n".join(LIST))
    begin()


def test_run_from_before_the_coding_resumes_on_the_same_files_alone(begin, tmp_path):
    root, begin = begin
    begin()
    file = tmp_path / "run" / "run.json"
    record = json.loads(file.read_text())
    record["data"]["fingerprint"] = record["data"].pop("content")
    del record["data"]["coding"]
    file.write_text(json.dumps(record))
    begin()
    Image.new("L", (48, 32), 1).save(root / "masks" / "cell 0.png")
    with pytest.raises(InputError, match="The data of .* changed"):
        begin()


def test_class_that_no_training_image_shows_is_said(begin):
    root, begin = begin
    split = split_items(open_dataset(f"folder:{root}"))
    for name in split.train:
        path = root / "masks" / f"{name}.png"
        Image.fromarray(np.minimum(np.array(Image.open(path)), 1)).save(path)
    assert begin() == ["No training image shows core: the network cannot learn it."]


def test_training_images_of_one_class_alone_are_refused(begin, tmp_path):
    root, begin = begin
    for name in split_items(open_dataset(f"folder:{root}")).train:
        Image.new("L", (48, 32)).save(root / "masks" / f"{name}.png")
    with pytest.raises(InputError, match="no labelled pixel of cell, core, so fewer than two classes"):
        begin()
    assert not (tmp_path / "run").exists()


def test_training_says_test_images_that_are_copies_and_keeps_what_tells_them(begin, tmp_path):
    root, begin = begin
    split = split_items(open_dataset(f"folder:{root}"))
    trained, tested = (root / "images" / f"{names[0]}.png" for names in (split.train, split.test))
    tested.write_bytes(trained.read_bytes())
    assert [sentence.split(",")[0] for sentence in begin()] == [
        f"1 of {len(split.test)} test image(s) are copies of training images"
    ]
    kept = json.loads((tmp_path / "run" / "run.json").read_text())["data"]["images"]
    assert len(kept) == 6 and kept[trained.stem] == kept[tested.stem]
