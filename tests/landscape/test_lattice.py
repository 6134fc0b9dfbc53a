import pytest

from tfapp.landscape.window import COARSEST, coarse_to_fine, first_stride, nodes, strides

COUNTS = pytest.mark.parametrize("count", [3, 4, 9, 20, 21, 33])


@COUNTS
def test_every_mesh_has_both_ends_and_the_middle(count):
    for stride in strides(count):
        assert {0, count // 2, count - 1} <= set(nodes(count, stride).tolist())


@COUNTS
def test_every_mesh_holds_the_coarser_ones(count):
    meshes = [set(nodes(count, stride).tolist()) for stride in strides(count)]
    assert all(coarse <= fine for coarse, fine in zip(meshes, meshes[1:], strict=False))
    assert meshes[-1] == set(range(count))


@pytest.mark.parametrize(("count", "points"), [(9, 9), (17, 9), (33, 9), (65, 9), (21, 11), (5, 5)])
def test_first_lattice_has_nine_points_or_all_of_a_small_grid(count, points):
    assert len(nodes(count, first_stride(count))) == points >= min(count, COARSEST)


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (4, 4), (9, 1), (21, 21)])
def test_the_order_visits_every_cell_once_and_the_middle_first(rows, columns):
    cells = coarse_to_fine(rows, columns)
    assert cells[0] == (rows // 2, columns // 2)
    assert sorted(cells) == [(i, j) for i in range(rows) for j in range(columns)]
