"""The comparison of ways to regular labels: how lambda is chosen, what is scored, and that it runs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def task():
    sys.path.insert(0, str(FOLDER))
    import regularisers_task

    yield regularisers_task
    sys.path.remove(str(FOLDER))


@pytest.mark.parametrize("best", [0.01, 0.3, 1.0, 2.9, 100.0])
def test_chosen_weight_is_within_a_fourth_root_of_2_of_the_best_wherever_it_lies(task, best):
    weight, score = task.chosen_weight(lambda weight: -abs(np.log(weight / best)))
    assert abs(np.log2(weight / best)) <= 0.25 + 1e-9
    assert score == -abs(np.log(weight / best))


def test_search_for_a_weight_ends_where_any_is_as_good_or_larger_ones_are_always_better(task):
    assert task.chosen_weight(lambda weight: 1.0) == (2.0, 1.0)
    weight, _ = task.chosen_weight(lambda weight: weight)
    assert weight < 1000


def test_potts_energy_counts_costs_and_pairs_that_differ(task):
    logits = np.log(np.array([[[0.5, 0.5], [0.25, 0.75]], [[0.5, 0.5], [0.5, 0.5]]]))
    # The labels cost -log 1/2, -log 3/4, -log 1/2, -log 1/2; the upper right pixel differs from two.
    expected = (3 * np.log(2) + np.log(4 / 3) + 2 * 0.5) / 4
    assert task.potts_energy(logits, np.array([[0, 1], [0, 0]]), 0.5) == pytest.approx(expected)


def test_case_is_measured_on_other_images_than_lambda_is_chosen_on(task):
    case = task.synthetic_case("noisy", 48, 3, 2)
    assert len(case.validation) == len(case.test) == 2
    images = [logits for logits, _ in [*case.validation, *case.test]]
    assert not any(np.array_equal(a, b) for i, a in enumerate(images) for b in images[:i])


def test_scores_of_the_truth_are_full_and_those_of_another_map_are_not(task):
    case = task.synthetic_case("noisy", 48, 3, 1)
    ((_, labels),) = case.test
    assert task.scores_of(case, [labels]) == (1.0, 1.0)
    assert max(task.scores_of(case, [np.roll(labels, 12, axis=0)])) < 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "claims"),
    [
        (
            "regularisers.py",
            [
                "3 classes, very noisy: TVSoftmax, graph: projected gradient 100, plain",
                "3 classes, very noisy, lack of mIoU: TVSoftmax: softmax",
                "3 classes, very noisy, lack of BF1: TVSoftmax: STD 10, plain",
            ],
        ),
        (
            "runet_served.py",
            [
                "served, 2 classes: RUnet, label_tolerance 5e-4: U-Net",
                "a point, 3 classes: RUnet, inference defaults: U-Net",
            ],
        ),
    ],
)
def test_benchmark_runs(tmp_path, script, claims):
    file = tmp_path / "rows.json"
    command = [sys.executable, f"benchmarks/{script}", "--quick", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = {row["claim"]: row for row in json.loads(file.read_text(encoding="utf-8"))}
    assert not set(claims) - set(rows), done.stdout
    lacks = [row for claim, row in rows.items() if claim.endswith("lack of mIoU: TVSoftmax: softmax")]
    assert all(row["error_ratio"] < 0.5 for row in lacks), done.stdout
