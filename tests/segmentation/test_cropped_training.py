"""Trainings on random crops of images of mixed sizes: their record, their sentences, and how they resume."""

import re

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.conftest import write_folder
from tfapp.cli.main import app
from tfapp.data import open_dataset
from tfapp.errors import InputError
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.page.page import _training_images
from tfapp.segmentation.page.sentences import augmentation_in_words
from tfapp.segmentation.resume import begin_or_resume
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train

CROP = {"crop": (24, 32), "augment": "scale=0.8-1.5,brightness"}


@pytest.fixture
def mixed(tmp_path):
    """A folder dataset of images of two sizes, the smaller ones smaller than the crop."""
    root = write_folder(tmp_path / "mixed", count=10, size=(40, 48))
    for index in range(0, 10, 3):
        for part in ("images", "masks"):
            file = root / part / f"cell {index}.png"
            with Image.open(file) as image:
                small = image.crop((8, 10, 36, 30))
            small.save(file)
    return f"folder:{root}"


def begun(out, spec, config, said=None):
    say = (lambda sentence: None) if said is None else said.append
    return begin_or_resume(out, config.completed(), open_dataset(spec), 4, False, say)


def test_run_keeps_crop_and_augmentation_with_every_value_and_says_once_what_is_mirrored(
    mixed, tmp_path, tiny
):
    said = []
    config = tiny(**CROP)
    _, frames = begun(tmp_path / "run", mixed, config, said)
    run = Run.open(tmp_path / "run")
    assert run.config["crop"] == [24, 32] and run.config["augment"] == "none,scale=0.8-1.5,brightness=0.125"
    assert run.framing.crop == (24, 32) and frames.frame_shape == (24, 32, 3)
    [sentence] = [one for one in said if "mirrored" in one]
    assert re.match(
        r"\d of 5 training images, such as cell \d of 20x28, are smaller than the crop of 24x32", sentence
    )
    assert "--crop 24x32" in run.record["command"]
    assert "--augment none,scale=0.8-1.5,brightness=0.125" in run.record["command"]
    begun(tmp_path / "run", mixed, config, said)
    assert len([one for one in said if "mirrored" in one]) == 1


@pytest.mark.parametrize(
    ("crop", "symmetry"), [((24, 24), "dihedral"), ((24, 32), "flips")], ids=["square", "oblong"]
)
def test_symmetry_is_left_to_the_shape_of_the_crop(mixed, tmp_path, tiny, crop, symmetry):
    run, _ = begun(tmp_path / "run", mixed, tiny(crop=crop, augment="auto,contrast"))
    assert run.config["augment"] == f"{symmetry},contrast=0.5-1.5"


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"crop": (24, 36)}, "crop"),
        ({"augment": "scale=0.8-1.4,brightness"}, "augment"),
        ({"crop": None}, "crop"),
    ],
)
def test_run_does_not_resume_with_another_crop_or_augmentation(mixed, tmp_path, tiny, other, named):
    begun(tmp_path / "run", mixed, tiny(**CROP))
    with pytest.raises(InputError, match=named):
        begun(tmp_path / "run", mixed, tiny(**CROP | other))


def test_run_resumes_if_the_augmentation_is_written_out(mixed, tmp_path, tiny):
    begun(tmp_path / "run", mixed, tiny(**CROP))
    first = (tmp_path / "run" / "run.json").read_text()
    written = tiny(crop=CROP["crop"], augment="none,brightness=0.125,scale=0.80-1.5")
    begun(tmp_path / "run", mixed, written)
    assert (tmp_path / "run" / "run.json").read_text() == first


def test_run_keeps_the_void_around_small_images_and_says_it(mixed, tmp_path, tiny):
    said = []
    begun(tmp_path / "run", mixed, tiny(**CROP, crop_border="void"), said)
    run = Run.open(tmp_path / "run")
    assert run.framing.crop_border == "void" and "--crop-border void" in run.record["command"]
    assert any("beyond their borders they have the mean colour and no labels" in one for one in said)
    assert _training_images(run) == "5, in random crops of 32×24, void around smaller images"


def test_page_says_what_was_cropped_and_changed(mixed, tmp_path, tiny):
    run, _ = begun(
        tmp_path / "run", mixed, tiny(crop=(24, 32), augment="flips,scale,brightness,contrast,colour")
    )
    assert _training_images(run) == "5, in random crops of 32×24"
    assert augmentation_in_words(run) == (
        "flipped along both axes; scaled by 0.5 to 2; brightness changed by up to 0.125; contrast multiplied by 0.5 to "
        "1.5; saturation multiplied by 0.5 to 1.5; hue turned by up to 0.05 of its circle"
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--crop big", "--crop 'big' is not a size; expected N or HEIGHTxWIDTH, such as 128 or 96x128."),
        ("--crop 0", "--crop '0' is not a size"),
        ("--crop 24x", "--crop '24x' is not a size"),
        ("--crop 24x0", "--crop '24x0' is not a size"),
        ("--crop 24x24x3", "--crop '24x24x3' is not a size"),
        ("--crop 24x99999", "--crop must be sides of at most 16,384 pixels; got 24x99999."),
        ("--crop 24 --patch 16", "--crop and --patch both cut images; leave one of them out."),
        ("--crop 24 --overlap 4", "--overlap is for --patch; got 4 with --crop."),
        ("--crop 24 --crop-border grey", "Unknown crop border 'grey'; choose one of: mirror, void."),
        ("--crop-border void", "--crop-border void needs a --crop, HEIGHTxWIDTH of what is cut out."),
        ("--crop 8", "--crop 8x8 is smaller than the network's stride of 16"),
        ("--augment scale", "--augment scale needs a --crop, HEIGHTxWIDTH"),
        ("--crop 32 --augment scale=2-0.5", "the smaller one first, such as scale=0.5-2; got scale=2-0.5."),
        ("--crop 32 --augment brightness=2", "--augment brightness must be a number above 0 and at most 1"),
        (
            "--crop 32x48 --batch-size 4 --augment dihedral",
            "Quarter turns need square frames, these are 48x32",
        ),
        ("--augment flips,turns", "Unknown augment 'turns'; choose one of: auto, none, mirror"),
    ],
)
def test_bad_crops_and_augmentations_get_one_sentence_and_leave_nothing(mixed, tmp_path, options, sentence):
    result = CliRunner().invoke(app, ["train", mixed, "--out", str(tmp_path / "run"), *options.split()])
    said = " ".join(result.output.split())
    assert result.exit_code == 2 and sentence in said and "Traceback" not in said
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_training_on_crops_killed_in_its_second_epoch_ends_as_an_unbroken_one(
    mixed, tmp_path, tiny, monkeypatch
):
    class Killed(keras.callbacks.Callback):
        def __init__(self, *arguments):
            super().__init__()

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    config = tiny(head="softmax", epochs=2, **CROP)
    whole = train(mixed, tmp_path / "whole", config)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tfapp.segmentation.training.ReportProgress", Killed)
        train(mixed, tmp_path / "broken", config)
    broken = train(mixed, tmp_path / "broken", config, cache=tmp_path / "cache")
    losses = [[float(row["loss"]) for row in read_history(run.path)] for run in (whole, broken)]
    np.testing.assert_array_equal(*losses)
    for one, other in zip(whole.load_model().get_weights(), broken.load_model().get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
