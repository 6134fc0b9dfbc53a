"""Tables, sentences and metrics of an evaluation, from results written by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tfapp.pose.evaluation.baselines import Clusterings
from tfapp.pose.evaluation.frames import Distances
from tfapp.pose.evaluation.minima import Minimum
from tfapp.pose.evaluation.reference_models import INTERIOR, SURFACE
from tfapp.pose.evaluation.registration import Registration
from tfapp.pose.evaluation_results import PoseEvaluation, SplitResults

NEAR, FAR = Distances(0.001, 0.002), Distances(0.004, 0.005)
SCORES = {"precision": 0.8, "recall": 0.9, "f1": 0.85}
CLUSTERINGS = Clusterings(2, 0.0035, {0.0035: 0.9, 0.02: 0.7}, "spectral, rbf")


def poses(degrees):
    return {
        "rotation_median": np.radians(degrees),
        "rotation_mean": np.radians(degrees + 1),
        "translation_median": 0.002,
        "translation_mean": 0.003,
        "reflected": 0.0,
        "within_5_degrees_5_mm": 0.25,
        "within_10_degrees_5_mm": 0.5,
        "targets": 4,
        "mssd_recall": 0.625,
        "mspd_recall": None,
    }


def minimum(angle=170, mean=0.0021, as_near=True):
    turned = None if angle is None else np.radians(angle)
    distances = Distances(0.001, mean), Distances(0.004, 0.005)
    return Minimum(np.eye(3), np.zeros(3), angle is None, *distances, turned, 0.01, as_near)


def evaluation(*others, learned=NEAR, references=None, turned=5.0):
    registration = Registration(Rotation.identity().as_matrix(), np.zeros(3), False, learned, FAR, others)
    scores = {"ours": SCORES, "K-means": SCORES, "spectral clustering": SCORES}
    split = SplitResults(3, 0.0042, scores, poses(20), poses(10))
    best = {"rotation": None if turned is None else np.radians(turned), "translation": 0.003}
    references = references or {}
    return PoseEvaluation(
        "distance", {"held-out": split}, registration, (), False, references, CLUSTERINGS, best
    )


def cells(table):
    return {row[0]: row[1:] for row in table.rows}


def test_medians_and_means_shares_and_recalls_are_told():
    _, table, _ = evaluation().tables()
    assert table.header == ["poses", "held-out"]
    assert {name: cell for name, (cell,) in cells(table).items()} == {
        "rotation, median °": "20.0",
        "rotation, mean °": "21.0",
        "translation, median mm": "2.00",
        "translation, mean mm": "3.00",
        "share within 5° and 5 mm": "0.250",
        "share within 10° and 5 mm": "0.500",
        "average recall, MSSD": "0.625",
        "average recall, MSPD": "-",
    }


@pytest.mark.parametrize(
    ("as_near", "turned", "beside"),
    [(True, 5.0, True), (False, 5.0, False), (False, 160.0, True), (False, None, True)],
    ids=["ambiguous", "sure", "otherwise", "mirrored"],
)
def test_errors_in_the_best_frame_stand_beside_where_the_frame_may_be_wrong(as_near, turned, beside):
    found = evaluation(minimum(as_near=as_near), turned=turned)
    table, said = found.tables()[1], "best frame fits the true poses" in " ".join(found.remarks())
    assert (table.header[1:], said) == (
        ["held-out", "held-out, best frame"] if beside else ["held-out"],
        beside,
    )
    if beside:
        assert cells(table)["rotation, median °"] == ["20.0", "10.0"]


def test_how_far_the_best_frame_is_is_said():
    sentence = evaluation(turned=160).remarks()[1]
    assert "all poses are turned by 160° and moved by 3.0 mm against the registered one" in sentence


def test_an_ambiguous_registration_is_said_with_the_other_places():
    sentence = evaluation(minimum(), minimum(None), minimum(30)).remarks()[0]
    assert "registration is ambiguous" in sentence
    assert "turned by 170° and moved by 10.0 mm (+1.4 %), or mirrored and moved by 10.0 mm" in sentence
    assert "or at 2 more places" in evaluation(*[minimum()] * 5).remarks()[0]


def test_the_margin_of_the_second_best_place_is_said():
    sentence = evaluation(minimum(mean=0.009, as_near=False)).remarks()[0]
    assert "second-best place" in sentence and "ambiguous" not in sentence
    assert "14.00 mm instead of 7.00 mm" in sentence and "9.00 mm instead of 2.00 mm" in sentence
    assert "one place on the part alone" in evaluation().remarks()[0]


def test_the_model_stands_beside_points_that_learned_nothing():
    references = {INTERIOR: evaluation(learned=FAR).registration, SURFACE: evaluation().registration}
    rows = cells(evaluation(references=references).tables()[2])
    assert rows["learned model"] == ["1.00", "2.00", "4.00", "5.00"]
    assert rows[INTERIOR] == ["4.00", "5.00", "4.00", "5.00"] and list(rows)[1:] == [INTERIOR, SURFACE]


@pytest.mark.parametrize(("learned", "said"), [(NEAR, False), (FAR, True)])
def test_a_model_that_is_no_nearer_than_random_points_is_called_so(learned, said):
    inside = evaluation(learned=Distances(0.003, 0.003)).registration
    remarks = evaluation(learned=learned, references={INTERIOR: inside}).remarks()
    assert ("no nearer to the part than random points inside" in " ".join(remarks)) == said


def test_a_mesh_without_an_inside_is_said():
    remarks = evaluation(references={SURFACE: evaluation().registration}).remarks()
    assert "mesh of the part is not closed" in remarks[0]


def test_the_width_and_who_chose_it_are_said():
    sentence = evaluation().remarks()[-1]
    assert "3.5 mm, is the one of 2 with the best F1 by the true labels of held-out scenes" in sentence
    assert "is 'spectral, rbf', the better one there" in sentence


def test_points_that_belong_to_no_part_are_said():
    split = SplitResults(3, 0.0042, {"ours": SCORES}, None, outside=0.125)
    found = PoseEvaluation("distance", {"held-out": split}, None, ())
    assert found.remarks() == ["held-out: 12.5 % of the points belong to no part, and count in no score"]
    assert found.to_json()["parts"]["held-out"]["outside"] == 0.125
    assert "outside" not in evaluation().to_json()["parts"]["held-out"]


def test_metrics_hold_the_other_minima_the_references_and_the_clusterings():
    inside = evaluation().registration
    content = evaluation(minimum(), references={INTERIOR: inside}).to_json()
    assert content["pixels"] == "all" and "refined" not in content
    assert content["model"]["ambiguous"] is True
    (other,) = content["model"]["other_minima"]
    assert content["model"]["best_frame"] == {"rotation": np.radians(5), "translation": 0.003}
    assert other["margin"] == pytest.approx(0.0001 / 0.007) and other["as_near"] is True
    assert other["learned_to_cad"] == {"median": 0.001, "mean": 0.0021}
    assert content["model"]["references"][INTERIOR]["cad_to_learned"] == {"median": 0.004, "mean": 0.005}
    assert content["clusterings"]["spectral clustering"] == "spectral, rbf"
    assert content["clusterings"]["searched"][0] == {"rbf_width": 0.0035, "f1": 0.9}


def test_metrics_have_the_entries_of_earlier_versions():
    content = evaluation().to_json()
    part = content["parts"]["held-out"]
    assert part["scores"]["ours"] == SCORES and part["distance"] == 0.0042 and part["scenes"] == 3
    assert part["poses"]["rotation_median"] == pytest.approx(np.radians(20))
    assert content["model"]["learned_to_cad"] == {"median": 0.001, "mean": 0.002}
    assert content["model"]["reflected"] is False


def test_the_better_spectral_clustering_is_not_told_twice():
    assert list(cells(evaluation().table())) == ["held-out, ours", "held-out, K-means"]


def test_scenes_without_a_truth_have_sentences_alone():
    split = SplitResults(3, 0.0042, {}, None)
    found = PoseEvaluation("distance", {"held-out": split}, None, ())
    assert found.tables() == [] and found.remarks() == ["held-out: 3 scenes, Chamfer distance 4.20 mm"]
    assert "model" not in found.to_json()
