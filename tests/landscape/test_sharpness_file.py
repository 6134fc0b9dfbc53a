import json

import numpy as np
import pytest
from small_convex import build_logistic

from tfapp.errors import InputError
from tfapp.landscape import sharpness
from tfapp.landscape.flatness.sharpness import SharpnessFile

OPTIONS = {"eps": (0.1, 0.05), "subspace": 2, "repeats": 3, "batch_size": 4}


@pytest.fixture
def measure(tmp_path):
    """Return a function that measures a logistic regression into one file, and that file."""
    model, x, y = build_logistic()
    path = tmp_path / "landscape" / "sharpness.json"
    return lambda **options: sharpness(model, x, y, path=path, **{**OPTIONS, **options}), path, model


class Killed(Exception):
    pass


def kill_after(evaluations):
    def progress(done, total):
        if done >= evaluations:
            raise Killed

    return progress


@pytest.mark.slow
def test_a_killed_run_goes_on_and_gives_the_file_of_an_unbroken_one(measure, tmp_path):
    run, path, model = measure
    run()
    unbroken = path.read_bytes()
    path.unlink()
    for evaluations in (50, 40):
        with pytest.raises(Killed):
            run(progress=kill_after(evaluations))
    stored = json.loads(path.read_text())["sharpness"][0]["trials"]
    assert 0 < sum(map(len, stored.values())) < 6
    run()
    assert path.read_bytes() == unbroken


def test_a_complete_file_is_read_and_not_measured_again(measure):
    run, path, _ = measure
    first, written = run(), path.stat().st_mtime_ns
    second = run(progress=kill_after(0))
    assert first == second and path.stat().st_mtime_ns == written


def test_more_repeats_and_sizes_are_added_to_those_that_are_there(measure):
    run, path, _ = measure
    before = run(repeats=2)
    after = run(repeats=4, eps=(0.05, 0.1, 0.2))
    assert [measured.trials[:2] for measured in after[1::-1]] == [measured.trials for measured in before]
    assert run(repeats=2, progress=kill_after(0)) == before


@pytest.mark.slow
def test_other_settings_have_their_own_entry(measure):
    run, path, _ = measure
    first = run()
    run(subspace=None), run(seed=1), run(box="filter", subspace=None)
    assert len(json.loads(path.read_text())["sharpness"]) == 4
    assert run(progress=kill_after(0)) == first


@pytest.mark.slow
def test_overwriting_replaces_the_entry_of_these_settings_only(measure):
    run, path, _ = measure
    run(seed=1)
    content = json.loads(path.read_text())
    content["sharpness"][0]["trials"]["0.1"][0]["active_share"] = -1
    path.write_text(json.dumps(content))
    first = run()
    assert run(seed=1)[0].trials[0].active_share == -1
    assert run(seed=1, overwrite=True)[0].trials[0].active_share >= 0
    assert run(progress=kill_after(0)) == first


def test_the_file_of_another_solution_is_refused_and_replaced_on_request(measure):
    run, path, model = measure
    run()
    model.set_weights([w + 0.1 for w in model.get_weights()])
    with pytest.raises(
        InputError, match="belongs to another solution; changed: weights. Choose another path"
    ):
        run()
    run(overwrite=True)
    assert len(json.loads(path.read_text())["sharpness"]) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2, "solution": {}}', '{"format": 1}'])
def test_what_is_not_a_sharpness_file_is_refused_and_left_alone(measure, text):
    run, path, _ = measure
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InputError, match="is not a sharpness file that this version can read"):
        run()
    assert path.read_text() == text


def test_without_a_path_nothing_is_kept():
    model, _, _ = build_logistic()
    file = SharpnessFile(None, model)
    file.entry("hessian", {"seed": 0})["trace"] = np.pi
    file.save()
    assert "trace" not in SharpnessFile(None, model).entry("hessian", {"seed": 0})
