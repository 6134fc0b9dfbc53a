"""Other minima of a registration: which are really other poses, and whether one is as near."""

import numpy as np
import pytest
from meshes import boxes, bracket
from scipy.spatial.transform import Rotation

from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.frames import Distances, ModelFrame, PlacedModel
from tfapp.pose.evaluation.minima import other_minima
from tfapp.pose.evaluation.registration import register_model
from tfapp.pose.evaluation.symmetries import Symmetries

pytest.importorskip("open3d", reason="registration needs the extra `pose`")

NONE = Symmetries.of([])
TURN = Rotation.from_rotvec([0.4, -1.9, 1.1]).as_matrix()
# A bar with a short tooth near one end: its own mirror image across y.
BAR = boxes(((-0.03, -0.006, -0.005), (0.03, 0.006, 0.005)), ((0.02, -0.006, 0.005), (0.03, 0.006, 0.012)))
OF_BAR = NONE.with_mirror(np.diag([1.0, -1.0, 1.0]))


def registered(points, mesh, symmetries):
    return register_model(points @ TURN, *mesh, surface_points=2000, symmetries=symmetries)


@pytest.fixture(scope="module")
def plain():
    """Return the registration of a model that did not learn the tooth."""
    bar = boxes(((-0.03, -0.006, -0.005), (0.03, 0.006, 0.005)))
    return registered(CadSurface(*bar).sample(200, seed=1), BAR, OF_BAR)


@pytest.mark.slow
def test_a_model_without_the_tooth_lies_as_near_end_for_end(plain):
    assert any(np.degrees(one.angle) > 150 for one in plain.as_near)
    assert all(one.distance < 1.1 * plain.distance for one in plain.as_near)


@pytest.mark.slow
def test_other_minima_come_in_the_order_of_their_distances(plain):
    distances = [one.distance for one in plain.others]
    assert len(distances) > 1 and distances == sorted(distances)


@pytest.mark.slow
def test_other_minima_are_other_poses_than_the_best_and_one_another(plain):
    places = [plain, *plain.others]
    for number, place in enumerate(places[:-1]):
        angles, lengths = place.differences(places[number + 1 :], OF_BAR)
        assert ((np.degrees(angles) > 20) | (lengths > 0.06 / 10)).all()


@pytest.mark.slow
def test_distances_of_other_minima_are_those_of_the_points_there(plain):
    bar = boxes(((-0.03, -0.006, -0.005), (0.03, 0.006, 0.005)))
    points = CadSurface(*bar).sample(200, seed=1) @ TURN
    for one in plain.others:
        assert one.learned_to_cad.mean == pytest.approx(CadSurface(*BAR).distance(one.apply(points)).mean())


@pytest.mark.slow
def test_a_model_of_the_whole_part_is_not_ambiguous():
    found = registered(CadSurface(*BAR).sample(300, seed=1), BAR, OF_BAR)
    assert found.others and not found.as_near


@pytest.mark.slow
def test_a_symmetry_of_the_part_is_no_other_minimum():
    points = CadSurface(*bracket()).sample(300, seed=1)
    mirror = NONE.with_mirror(np.diag([1.0, -1.0, 1.0]))
    assert not registered(points, bracket(), mirror).as_near
    # Unless nobody knows it: then the mirror image lies as near.
    (found,) = registered(points, bracket(), NONE).as_near
    assert found.reflected and found.angle is None


def test_other_minima_are_not_looked_for_without_symmetries():
    found = register_model(CadSurface(*bracket()).sample(50, seed=1), *bracket(), surface_points=500)
    assert found.others is None and found.as_near == ()


@pytest.mark.parametrize(
    ("to_part", "back", "as_near"),
    [(0.0011, 0.0032, True), (0.0011, 0.0036, False), (0.0013, 0.0030, False), (0.0005, 0.0032, True)],
)
def test_as_near_is_within_a_tenth_by_both_sides_and_from_model_to_part(to_part, back, as_near):
    def placed(frame, there, back):
        return PlacedModel(
            **vars(frame), learned_to_cad=Distances(0, there), cad_to_learned=Distances(0, back)
        )

    best = placed(ModelFrame(np.eye(3), np.zeros(3), False), 0.001, 0.003)
    turned = ModelFrame(Rotation.from_euler("x", 90, degrees=True).as_matrix(), np.zeros(3), False)
    (found,) = other_minima(best, [turned], lambda place: placed(place, to_part, back), NONE, 0.05)
    assert found.as_near == as_near
    assert np.degrees(found.angle) == pytest.approx(90) and found.length == 0
