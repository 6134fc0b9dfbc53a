"""`tfapp reproduce pose-figure-...`: which runs are drawn, and what stands where."""

import numpy as np
import pytest

from tests.pose.posed_scenes import CAMERA, squares
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.pictures.scene_pictures import SegmentedScene
from tfapp.pose.simulation.parts import bolt
from tfapp.reproduce.pose.figures import FIGURES
from tfapp.reproduce.pose.pictures import ShownModel, draw_models, draw_segmentations
from tfapp.reproduce.pose.tables import TABLES

# Of the same runs.
TABLE_OF = {"4.4": "4.2", "4.5": "4.2", "4.6": "4.2", "4.7": "b.4", "4.8": "b.3", "4.9": "b.2"}


def test_figures_show_runs_of_the_tables():
    figures = {figure.number: figure for figure in FIGURES}
    assert list(figures) == ["4.3", *TABLE_OF]
    for number, name in TABLE_OF.items():
        figure, table = figures[number], TABLES[f"pose-table-{name}"]
        for part in figure.parts:
            assert set(figure.variants) <= {setting.variant_of(part) for setting in table.settings}
            assert set(figure.instances) <= set(table.instances[part])


@pytest.mark.slow
def test_models_stand_in_rows_and_columns_under_their_titles():
    part = bolt()
    surface = CadSurface(part.vertices, part.triangles)
    panels = {("bolt", "part"): ShownModel(surface), ("bolt", "v1"): ShownModel(surface, surface.sample(50))}
    columns = {"part": "part", "v1": "one channel", "v2": "missing"}
    figure = draw_models(panels, {"bolt": "Bolt"}, columns, "Models", ("oblique", "end"))
    assert [axes.get_title() for axes in figure.axes] == ["part", "", "one channel", "", "missing", ""]
    assert figure.axes[0].get_ylabel() == "Bolt"
    assert [bool(axes.collections or axes.images) for axes in figure.axes] == [True] * 4 + [False] * 2


@pytest.mark.slow
def test_segmented_scene_is_shown_in_the_image_and_in_space():
    depth = squares(1)[0][0]
    points, pixels = CAMERA.back_project(depth)
    truth = np.where(pixels[:, 1] < 15, 1, 2)
    scene = SegmentedScene(depth, pixels, points, truth - 1, truth)
    figure = draw_segmentations({"Squares": scene}, "Scenes")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["predicted, F1 1.000", "predicted, points", "truth", "truth, points"]
