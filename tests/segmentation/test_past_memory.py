"""Trainings whose images do not fit into the memory that is given to them."""

import json

import numpy as np
import pytest

from tfapp.data import open_dataset, training_stream
from tfapp.errors import InputError
from tfapp.runs.checkpoints import read_history
from tfapp.segmentation.resume import begin_or_resume
from tfapp.segmentation.run import Run
from tfapp.segmentation.training import train

PATCHES = {"patch": 16, "steps_per_epoch": 3}
# Of the 10 training images of 32x32 pixels, a byte for each channel and label, this holds three.
SMALL = 3 * 32 * 32 * 4


@pytest.fixture
def root(make_folder):
    return f"folder:{make_folder(count=20, size=(32, 32))}"


@pytest.fixture
def begun(tmp_path, tiny, root):
    """Return a function that begins, or takes up, a run of patches with so much memory; with it, what it says."""

    def begin(memory):
        said = []
        run, frames = begin_or_resume(
            tmp_path / "run",
            tiny(**PATCHES).completed(),
            open_dataset(root),
            4,
            False,
            said.append,
            image_memory=memory,
        )
        return run, frames, said

    return begin


def first_batches(run, frames):
    stream = training_stream(frames, batch_size=4, seed=0, images_together=run.images_together)
    return [image.numpy() for image, *_ in stream.take(12)]


def test_run_past_its_memory_says_how_many_images_it_shuffles_together(begun):
    run, _, said = begun(SMALL)
    assert run.images_together == 2
    assert any("patches of 2 image(s) at a time are shuffled with each other" in one for one in said)


def test_run_within_its_memory_shuffles_all_and_says_nothing(begun):
    run, _, said = begun(2**20)
    assert run.images_together is None and not said


def test_run_that_resumes_with_other_memory_sees_the_batches_that_it_began_with(begun):
    run, frames, _ = begun(SMALL)
    again, more, _ = begun(2**30)
    assert again.images_together == 2
    for one, other in zip(first_batches(run, frames), first_batches(again, more), strict=True):
        np.testing.assert_array_equal(one, other)


def test_run_of_before_shuffles_all_images_whatever_its_memory(begun):
    run, *_ = begun(SMALL)
    record = json.loads((run.path / "run.json").read_text())
    del record["config"]["images_together"]
    (run.path / "run.json").write_text(json.dumps(record))
    assert begun(SMALL)[0].images_together is None


def test_runs_that_differ_in_their_groups_alone_are_seeds_of_one_training(begun, copy_of):
    run, *_ = begun(SMALL)
    other = copy_of(run, "other", lambda record: record["config"].update(images_together=None))
    assert other.settings == Run.open(run.path).settings


@pytest.mark.parametrize("cache", ["run", "run/kept", "."])
def test_decoded_images_and_run_are_kept_apart(tmp_path, tiny, root, cache):
    with pytest.raises(InputError, match="must lie outside of `out`"):
        train(root, tmp_path / "run", tiny(**PATCHES), cache=tmp_path / cache)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_trainings_with_room_for_all_for_few_and_on_disk_end_with_the_same_losses(
    tmp_path, tiny, make_folder
):
    # Sixteen images of 64 KiB each and a validation set: neither fits into the smaller memory.
    spec = f"folder:{make_folder(count=24, size=(128, 128))}"
    ways = {
        "whole": {"image_memory": 2**30},
        "small": {"image_memory": 2**16},
        "disk": {"image_memory": 2**16, "cache": tmp_path / "kept"},
    }
    runs = [
        train(spec, tmp_path / name, tiny(resize=(128, 128), epochs=1), **way) for name, way in ways.items()
    ]
    assert all(run.images_together is None for run in runs)
    whole, small, disk = ([row["loss"] for row in read_history(run.path)] for run in runs)
    assert whole == small == disk
    assert len(list((tmp_path / "kept").rglob("*-image.npy"))) == len(
        runs[0].split.train + runs[0].split.validation
    )
