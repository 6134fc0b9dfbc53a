"""The harness of the benchmarks: what a ratio means, who takes turns, and how a peer in its own process answers."""

import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def harness():
    # As long as the tests run: a fresh process looks for the module too.
    sys.path.insert(0, str(FOLDER))
    import harness

    yield harness
    sys.path.remove(str(FOLDER))


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("ms", "time_ratio"),
        ("MiB", "memory_ratio"),
        ("points", "points_ratio"),
        ("requests", "share_ratio"),
        ("%", "error_ratio"),
    ],
)
def test_ratio_is_ours_over_other_and_named_by_its_unit(harness, unit, name):
    row = harness.Comparison("a claim", 1.0, 4.0, unit, 0.5).row()
    assert row[name] == 0.25 and row["passed"]


@pytest.mark.parametrize(("ours", "passed"), [(1.0, True), (2.0, True), (2.1, False)])
def test_target_is_the_largest_ratio(harness, ours, passed):
    assert harness.Comparison("a claim", ours, 2.0, "s", 1.0).passed == passed


@pytest.mark.parametrize(("quick", "code"), [(False, 1), (True, 0)])
def test_missed_target_is_the_exit_code_and_stands_in_the_file(harness, tmp_path, quick, code):
    missed = harness.Comparison("a claim", 3.0, 2.0, "s", 1.0)
    options = Namespace(quick=quick, json=tmp_path / "rows.json")
    assert harness.run([("a section", lambda: [missed])], options) == code
    assert json.loads(options.json.read_text()) == [missed.row()]


def test_comparison_of_numpy_s_numbers_stands_in_the_file(harness, tmp_path):
    options = Namespace(quick=True, json=tmp_path / "rows.json")
    harness.run(
        [("a section", lambda: [harness.Comparison("a claim", np.float64(1), np.float64(2), "s", 1)])],
        options,
    )
    (row,) = json.loads(options.json.read_text())
    assert row["passed"] is True and row["time_ratio"] == 0.5


def test_contenders_take_turns_after_a_first_round_that_does_not_count(harness):
    turns = []

    def contender(name, seconds):
        return lambda: turns.append(name) or seconds.pop(0)

    times = {"a": [9.0, 4.0, 2.0, 3.0], "b": [9.0, 5.0, 5.0, 5.0]}
    contenders = {name: contender(name, seconds) for name, seconds in times.items()}
    assert harness.milliseconds(contenders, 3, quantile=0) == {"a": 2000.0, "b": 5000.0}
    assert turns == ["a", "b"] * 4


def test_contender_may_tell_several_times_by_name(harness):
    assert harness.milliseconds({"pair": lambda: {"a": 1.0, "b": 2.0}}, 2) == {"a": 1000.0, "b": 2000.0}


def test_package_that_is_not_installed_is_named(harness, capsys):
    assert harness.missing(["numpy", "no_such_package"]) == ["no_such_package"]
    assert "no_such_package not installed" in capsys.readouterr().out


@pytest.mark.slow
def test_peer_answers_every_request_whatever_it_prints(harness, tmp_path):
    script = tmp_path / "peer.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(FOLDER)!r})\nfrom harness import Requests\n"
        "requests = Requests()\nthreads, start = requests.arguments\n"
        "while True:\n    requests.wait()\n    print('noise')\n    start += threads\n    requests.answer(start)\n"
    )
    with harness.PeerProcess(script, 2, 40) as peer:
        assert [peer(), peer()] == [42, 44]
    assert peer.process.returncode == 0


@pytest.mark.slow
def test_peer_is_told_what_is_asked_for(harness, tmp_path):
    script = tmp_path / "peer.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(FOLDER)!r})\nfrom harness import Requests\n"
        "requests = Requests()\nwhile True:\n    requests.answer(2 * requests.wait())\n"
    )
    with harness.PeerProcess(script, 1) as peer:
        assert [peer(21), peer([1])] == [42, [1, 1]]


@pytest.mark.slow
def test_peak_memory_of_a_fresh_process_is_what_a_call_takes(harness):
    if not harness.memory_is_measurable():
        pytest.skip("this system does not tell a process's peak memory")
    needed = harness.in_fresh_process(harness.peak_memory, bytearray, 64 << 20)
    assert 60 < needed < 80


@pytest.mark.parametrize(
    "path", sorted((FOLDER.parent / "results" / "benchmarks").glob("*.json")), ids=lambda path: path.stem
)
def test_stored_results_have_the_form_of_the_harness(harness, path):
    for row in json.loads(path.read_text(encoding="utf-8")):
        fields = [row[name] for name in ("claim", "ours", "other", "unit", "target")]
        assert harness.Comparison(*fields).row() == pytest.approx(row)
