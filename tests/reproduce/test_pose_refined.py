"""`tfapp reproduce pose-refined`: its cases, and how results become rows."""

import pytest

from tfapp.errors import InputError
from tfapp.pose.evaluation.reference_models import INTERIOR
from tfapp.reproduce.pose import refined
from tfapp.reproduce.pose.refined import STUDY, Case, chosen_cases, refined_table


def content(rotation, refused=False, minutes=2.0):
    scores = {"ours": {"f1": 0.99}, "K-means": {"f1": 0.9}}
    poses = {"rotation_median": rotation, "confidence_auroc": None}
    model = {
        "learned_to_cad": {"median": 0.0002},
        "references": {INTERIOR: {"learned_to_cad": {"median": 0.002}}},
    }
    parts = {"held-out": {"scores": scores, "poses": poses}}
    return {"parts": parts, "model": model, "refused": refused, "minutes": minutes}


def test_cases_are_parts_numbers_and_tilts_for_every_sensor_and_the_first_seed_first():
    found = chosen_cases("l-bracket-1-tilt-60, meshes/a-2-b.stl-3", "ideal,kinect", "clustering", (4, 5))
    assert found[:4] == [
        Case("l-bracket", 1, 60.0, "ideal", "clustering", 4),
        Case("meshes/a-2-b.stl", 3, 0.0, "ideal", "clustering", 4),
        Case("l-bracket", 1, 60.0, "kinect", "clustering", 4),
        Case("meshes/a-2-b.stl", 3, 0.0, "kinect", "clustering", 4),
    ]
    assert [case.seed for case in found] == [4] * 4 + [5] * 4
    assert found[1].scenes == "a-2-b-3-ideal-seed-4"
    assert found[0].scenes == "l-bracket-1-tilt-60-ideal-seed-4"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("bolt", "ideal", "clustering"), "`cases` 'bolt' is not understood; expected PART-N"),
        (("bolt-0", "ideal", "clustering"), "`cases` 'bolt-0' is not understood"),
        (("bolt-2", "eye", "clustering"), "Unknown sensor 'eye'"),
        (("bolt-2", "ideal", "nothing"), "Unknown start 'nothing'; choose some of: clustering, network"),
    ],
)
def test_what_is_not_understood_is_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        chosen_cases(*options, (0,))


def test_rows_are_means_over_seeds_and_count_refused_runs():
    cases = [Case("bolt", 2, 0.0, "ideal", "clustering", seed) for seed in range(2)]
    results = dict(zip(cases, [content(0.01), content(0.03, refused=True, minutes=None)], strict=True))
    table = refined_table(results)
    (row,) = (dict(zip(table.header, cells, strict=True)) for cells in table.rows)
    assert (row["scenes"], row["seeds"], row["refused"]) == ("bolt, N = 2", 2, "1 of 2")
    # 180/pi times the mean of .01 and .03, and their standard deviation.
    assert row["rotation, median °"] == "1.1 ± 0.8"
    assert (row["model to part, mm"], row["points inside to part, mm"]) == ("0.20 ± 0.00", "2.00 ± 0.00")
    assert (row["AUROC"], row["F1, spectral"], row["minutes"]) == ("–", "–", "2.0")


def test_what_the_table_has_is_not_measured_again(tmp_path, monkeypatch):
    measured = []
    monkeypatch.setattr(refined, "measure", lambda case, *_: measured.append(case.seed) or content(0.01))
    options = {"out": tmp_path, "cases": "bolt-2", "scenes": 8}
    STUDY.run(options | {"seeds": (0,)}, command="first")
    result = STUDY.run(options | {"seeds": (0, 1)}, command="second")
    assert measured == [0, 1]
    assert result.shown[0].rows[0][0] == "bolt, N = 2"
    assert (
        (tmp_path / "pose-refined.csv")
        .read_text()
        .splitlines()[1]
        .startswith('"bolt, N = 2",ideal,clustering,2,')
    )


def test_table_of_another_number_of_scenes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(refined, "measure", lambda case, *_: content(0.01))
    STUDY.run({"out": tmp_path, "cases": "bolt-2", "seeds": (0,), "scenes": 8})
    with pytest.raises(InputError, match="was made of 8 scenes, not `scenes` 9; choose another `out`"):
        STUDY.run({"out": tmp_path, "cases": "bolt-2", "seeds": (0,), "scenes": 9})
