"""When rounds of a refinement end, when another attempt is made, and which of them is kept.

Rounds are scripted here: each leaves a given residual, so that what follows is known.
"""

import dataclasses
import json

import numpy as np
import pytest

from tests.pose.posed_scenes import write_scenes
from tfapp.pose.fitted_run import FitConfig, begin_fit
from tfapp.pose.refinement import refined_run
from tfapp.pose.refinement.alternation import RefinedModel
from tfapp.pose.refinement.refined_run import RefineOptions, refine_run
from tfapp.pose.refinement.rounds import Round, best, ended, is_clear

# A hundredth of it is a millimetre.
EXTENT = 0.1
BLURRED, SHARP = 1.0, 0.1


def rounds_of(*residuals, moved=0.0, attempt=1):
    return [Round(attempt, number, one, 10, moved) for number, one in enumerate(residuals, 1)]


def test_an_attempt_ends_when_the_residual_hardly_fell_in_two_rounds():
    falling = [10.0 - number for number in range(9)]
    assert not ended(rounds_of(*falling), 15)
    assert ended(rounds_of(*falling, 1.99, 1.99), 15)


def test_an_attempt_ends_with_its_last_round():
    assert ended(rounds_of(3.0, 2.0, 1.0), 3)


def test_the_attempt_with_the_smallest_last_residual_is_best():
    rounds = [*rounds_of(1.0, 0.1, 0.5), *rounds_of(0.6, 0.4, attempt=2), *rounds_of(0.6, attempt=3)]
    assert best(rounds).attempt == 2


def test_an_attempt_whose_points_settle_is_better_than_one_with_a_smaller_residual():
    rounds = [*rounds_of(0.1, moved=0.2), *rounds_of(0.5, attempt=2)]
    assert best(rounds).attempt == 2


@pytest.mark.parametrize(
    ("residual", "moved", "noise", "clear"),
    [(0.3, 0.0, 0.0, True), (0.4, 0.0, 0.0, False), (0.4, 0.0, 1e-4, True), (0.3, 0.06, 0.0, False)],
)
def test_what_is_left_tells_whether_an_attempt_is_clear(residual, moved, noise, clear):
    assert is_clear(Round(1, 9, residual, 10, moved), EXTENT, noise) is clear


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    """Return a function that refines a run whose attempts leave given residuals, or is killed before a round."""
    folder = write_scenes(tmp_path / "scenes", 2)
    run = begin_fit(folder, tmp_path / "run", FitConfig(instances="2", held_out=0.5))

    def refine(residuals, killed_at=None):
        done = []

        def first_model(scenes, progress, attempt):
            return RefinedModel(np.full((20, 3), float(attempt)), EXTENT)

        def next_round(model, scenes, number):
            if len(done) == killed_at:
                raise KeyboardInterrupt
            done.append(number)
            scenes.residual[:] = residuals[round(model.points[0, 0]) - 1] / 1000
            return RefinedModel(model.points.copy(), EXTENT)

        beginning = dataclasses.replace(run.beginning())
        object.__setattr__(beginning, "first_model", first_model)
        with monkeypatch.context() as patch:
            patch.setattr(refined_run, "next_round", next_round)
            model = refine_run(run, beginning, RefineOptions())
        return round(model.points[0, 0]), json.loads((run.path / "refined" / "refine.json").read_text())

    refine.folder = run.path / "refined"
    return refine


def test_a_clear_first_attempt_is_the_only_one(scripted):
    attempt, record = scripted([SHARP, SHARP, SHARP])
    assert (attempt, record["attempts"]) == (1, 1)


def test_the_first_clear_attempt_ends_the_refinement(scripted):
    attempt, record = scripted([BLURRED, SHARP, SHARP])
    assert (attempt, record["attempts"], record["residual"]) == (2, 2, SHARP / 1000)


def test_of_attempts_that_are_none_of_them_clear_the_best_is_kept(scripted):
    attempt, record = scripted([1.0, 0.6, 0.8])
    assert (attempt, record["attempts"], record["residual"]) == (2, 3, 0.0006)


@pytest.mark.parametrize("killed_at", [4, 9, 13, 22])
def test_a_refinement_that_is_killed_in_any_attempt_ends_with_the_same_one(scripted, killed_at):
    with pytest.raises(KeyboardInterrupt):
        scripted([1.0, 0.6, 0.8], killed_at)
    attempt, record = scripted([1.0, 0.6, 0.8])
    assert (attempt, record["attempts"], record["rounds"]) == (2, 3, 9)
    assert sorted(path.name for path in scripted.folder.iterdir()) == [
        "history.csv",
        "model.npz",
        "refine.json",
    ]
