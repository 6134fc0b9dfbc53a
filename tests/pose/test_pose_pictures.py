import json
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from meshes import bracket, handed
from PIL import Image
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.instances import pair_scores
from tfapp.pose.evaluation.registration import Distances, Registration
from tfapp.pose.pictures.model_pictures import VIEWS, MainAxes, draw_model, round_length, save_model_png
from tfapp.pose.pictures.page import save_page
from tfapp.pose.pictures.page_figures import model_figures, scene_figures
from tfapp.pose.pictures.scene_pictures import SegmentedScene, draw_scenes, instance_colour, save_scenes_png
from tfapp.pose.pictures.training_curves import draw_training, save_training_png
from tfapp.report.result_table import ResultTable

ROTATION = Rotation.from_rotvec([0.3, 1.1, -0.6]).as_matrix()
DISTANCES = Distances(0.001, 0.0015)
PLACED = Registration(ROTATION, np.array([0.01, 0, 0]), True, DISTANCES, DISTANCES)


def learned(count=60):
    """Return a learned model, which `PLACED` lays onto the handed part as a mirror image."""
    return -(CadSurface(*handed()).sample(count, seed=0) - PLACED.translation) @ ROTATION


def scene(**changes):
    """Return a scene of 3 x 5 pixels of two parts, of which a third instance took one point."""
    pixels = np.stack(np.nonzero(np.ones((3, 5))), axis=-1) + [10, 20]
    depth = np.full((40, 60), 0.62)
    depth[tuple(pixels.T)] = 0.6
    points = np.concatenate([0.001 * pixels[:, ::-1], depth[tuple(pixels.T)][:, None]], axis=1)
    truth = np.where(pixels[:, 1] < 23, 4, 2)
    labels = np.where(truth == 4, 0, 1)
    labels[-1] = 2
    return replace(SegmentedScene(depth, pixels, points, labels, truth, name="one"), **changes)


def test_main_axes_lay_the_length_along_x_and_the_thickness_along_z():
    box = np.random.default_rng(0).uniform(-1, 1, (500, 3)) * [0.01, 0.05, 0.02]
    frame = MainAxes.of(box @ ROTATION.T + 0.3)
    np.testing.assert_allclose(frame.axes @ frame.axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(frame.axes) == pytest.approx(1)
    extents = np.ptp(frame.apply(box @ ROTATION.T + 0.3), axis=0)
    np.testing.assert_allclose(extents, [0.1, 0.04, 0.02], rtol=0.1)


def test_main_axes_of_a_part_are_those_of_its_file_by_extent():
    frame = MainAxes.of_box(bracket()[0])
    np.testing.assert_array_equal(frame.axes, [[1, 0, 0], [0, 0, 1], [0, -1, 0]])


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_views_are_rotations(view):
    np.testing.assert_allclose(view @ view.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(view) == pytest.approx(1)


@pytest.mark.parametrize(("length", "expected"), [(0.0199, 0.01), (0.02, 0.02), (0.6, 0.5), (7.0, 5.0)])
def test_bars_have_a_round_length(length, expected):
    assert round_length(length) == pytest.approx(expected)


def test_each_panel_of_a_model_shows_all_visible_points_and_the_others_in_grey():
    visible = np.arange(60) < 55
    figure = draw_model(learned(), visible)
    panels = figure.axes[: len(VIEWS)]
    assert [panel.get_title() for panel in panels] == list(VIEWS)
    for panel in panels:
        shown, hidden = panel.collections
        assert (len(shown.get_offsets()), len(hidden.get_offsets())) == (55, 5)
    assert figure.get_supxlabel() == "grey: 5 of 60 points were visible in no scene"


def test_the_nearest_points_are_drawn_last():
    (shown,) = [each for each in draw_model(learned()).axes[0].collections if len(each.get_offsets())]
    assert (np.diff(shown.get_array()) >= 0).all()


def test_a_scene_has_panels_of_depth_prediction_with_its_f1_and_truth():
    # Pairs: 9 points and 6 of which one is on its own: 36 + 10 of 36 + 15 pairs, none wrong.
    panels = draw_scenes([scene()]).axes
    assert [panel.get_title() for panel in panels] == [
        "one: depth 600–600 mm",
        f"predicted, F1 {2 * 46 / (46 + 51):.3f}",
        "truth",
    ]


def test_instances_have_the_colour_of_the_part_that_they_match():
    predicted, truth = scene().shown_labels()
    np.testing.assert_array_equal(predicted[:-1], truth[:-1])
    assert predicted[-1] not in truth


def test_pixels_of_a_scene_are_coloured_where_they_were_measured():
    panel = draw_scenes([scene()]).axes[2]
    picture = panel.images[-1].get_array()
    assert to_hex(picture[10, 20]) == instance_colour(2)
    assert to_hex(picture[10, 24]) == instance_colour(0)
    assert np.count_nonzero(picture[..., 3]) == 15


def partly_known():
    """Return the scene with three points of the last column that belong to no part."""
    whole = scene()
    return replace(whole, truth=np.where(whole.pixels[:, 1] == 24, 0, whole.truth))


def test_points_that_belong_to_no_part_count_in_no_score():
    known = partly_known().known
    assert known.sum() == 12
    whole = scene()
    # The one point that was wrong is among those that are left out.
    assert whole.f1 < 1 and partly_known().f1 == 1
    assert scene(truth=np.zeros(15, int)).f1 is None


def test_points_that_belong_to_no_part_are_grey_in_the_truth():
    predicted, truth = partly_known().shown_labels()
    np.testing.assert_array_equal(predicted[partly_known().known], truth[partly_known().known])
    assert (truth[~partly_known().known] == -1).all() and predicted.min() == 0
    assert instance_colour(-1) not in {instance_colour(label) for label in range(7)}
    names = [trace.name for trace in scene_figures(partly_known())[1].data]
    assert names == ["no part", "instance 1", "instance 3"]
    nowhere = scene_figures(scene(truth=np.zeros(15, int)))[1]
    assert [trace.name for trace in nowhere.data] == ["no part"]


def test_a_scene_without_the_truth_has_two_panels():
    panels = draw_scenes([scene(truth=None)]).axes
    assert [panel.get_title() for panel in panels][1:] == ["predicted"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.zeros(3, int)}, r"labels \(n,\). Received: shapes \(15, 2\), \(15, 3\), \(3,\)"),
        ({"truth": np.zeros(3, int)}, r"truth \(3,\)"),
        ({"depth": np.ones((5, 5))}, r"Received: shape \(5, 5\), pixels up to \[12, 24\]"),
    ],
)
def test_scenes_whose_parts_do_not_fit_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        scene(**changes)


def test_curves_are_in_millimetres_and_leave_out_what_is_not_finite():
    curve = ([0, 10, 20], [0.02, np.nan, 0.005])
    distance, shares = draw_training({"training scenes": curve}, {"channel 1": ([0, 10], [0.5, 0.9])}).axes
    np.testing.assert_allclose(distance.lines[0].get_xydata(), [[0, 20], [20, 5]])
    np.testing.assert_allclose(shares.lines[0].get_xydata(), [[0, 0.5], [10, 0.9]])


@pytest.mark.parametrize("curves", [{}, {"a": ([0, 1], [np.nan, np.nan])}, {"a": ([0, 1], [1.0])}])
def test_trainings_without_a_curve_are_refused(curves):
    with pytest.raises(InputError, match="curve"):
        draw_training(curves)


def test_pictures_are_png_files(tmp_path):
    save_model_png(learned(), tmp_path / "model.png")
    save_scenes_png([scene()], tmp_path / "scenes.png", "Held-out scenes")
    save_training_png({"training scenes": ([0, 10], [0.02, 0.005])}, tmp_path / "training.png")
    for name in ("model", "scenes", "training"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.format == "PNG" and min(picture.size) > 400


@pytest.mark.parametrize("points", [np.full((9, 3), np.nan), np.zeros((9, 2))])
def test_models_that_cannot_be_drawn_leave_no_file(points, tmp_path):
    with pytest.raises(InputError, match="finite points"):
        save_model_png(points, tmp_path / "model.png")
    assert not list(tmp_path.iterdir())


def test_the_page_shows_the_learned_model_on_the_part_and_to_one_scale():
    points, surface = learned(), CadSurface(*handed())
    shown, part = model_figures(points, cad=(PLACED, surface.vertices, surface.triangles))
    cloud = np.stack([shown.data[0].x, shown.data[0].y, shown.data[0].z], axis=1)
    np.testing.assert_allclose(cloud, 1000 * surface.sample(60, seed=0), atol=1e-4)
    assert shown.layout.scene.xaxis.range == part.layout.scene.xaxis.range


def test_posed_models_have_the_colour_of_the_points_that_they_explain():
    clouds = np.zeros((3, 4, 3)) + 0.6
    predicted, _ = scene_figures(scene(clouds=clouds))
    colours = {trace.name: trace.marker.color for trace in predicted.data}
    assert colours["model at pose 1"] == colours["instance 3"]
    assert colours["model at pose 2"] == colours["instance 1"]


def test_the_page_holds_every_scene_with_its_caption(tmp_path):
    scenes = [scene(), scene(truth=None, name="</script><b>")]
    save_page(tmp_path / "page.html", "Bolt <2>", learned(), scenes, facts={"F1": "0.957"})
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    captions = [[figure["caption"] for figure in figures_of(page, f"scene-{number}")] for number in (0, 1)]
    assert captions == [["predicted instances, F1 0.948", "truth"], ["predicted instances"]]
    assert "<h1>Bolt &lt;2&gt;</h1>" in page and "&lt;/script&gt;&lt;b&gt;" in page and "0.957" in page


def figures_of(page, name):
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page)[1])


def test_the_page_has_tables_and_sentences_below_the_facts(tmp_path):
    tables, remarks = [ResultTable(("scenes", "F1"), [["a < b", "0.9"]], "Instances")], ["It is ambiguous."]
    save_page(
        tmp_path / "page.html", "Bolt", learned(), facts={"F1": "0.957"}, tables=tables, remarks=remarks
    )
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<th scope="row">a &lt; b</th><td>0.9</td>' in page
    assert page.index("0.957") < page.index("Instances") < page.index("It is ambiguous.")


def test_a_large_scene_is_drawn_by_some_of_its_points_and_scored_by_all():
    pixels = np.stack(np.nonzero(np.ones((60, 50))), axis=-1)
    labels = np.where(pixels[:, 0] < 20, 1, 0)
    points = np.concatenate([0.001 * pixels, np.full((3000, 1), 0.6)], axis=1)
    large = SegmentedScene(np.full((60, 50), 0.6), pixels, points, labels, np.where(pixels[:, 0] < 30, 2, 1))
    drawn, true = scene_figures(large)
    for figure in (drawn, true):
        assert sum(len(trace.x) for trace in figure.data) == 2000
    # By instance: what is drawn is where the labels are.
    assert {trace.name: max(trace.x) < 20 for trace in drawn.data} == {
        "instance 1": False,
        "instance 2": True,
    }
    assert large.f1 == pair_scores(labels, large.truth).f1


def test_the_page_asks_no_other_machine_for_anything(tmp_path):
    save_page(tmp_path / "page.html", "Bolt", learned(), [scene()])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    without_data = page.replace("\\u003c", "<").replace('href="data:,"', "")
    assert not re.search(r"<(script|link|img)\b[^>]*\b(src|href)\s*=", without_data)
    assert len(page) > 1_000_000 and "Plotly.react" in page


def test_the_picture_beside_the_part_says_that_the_model_is_a_mirror_image():
    pytest.importorskip("open3d", reason="the part is drawn with the extra `pose`")
    from tfapp.pose.pictures.model_pictures import draw_model_beside_cad

    figure = draw_model_beside_cad(learned(), PLACED, *handed())
    assert figure.get_suptitle().endswith("mean 1.50 mm; the model is a mirror image")
    errors = figure.axes[2 * len(VIEWS)].collections[-1].get_array()
    np.testing.assert_allclose(errors, 0, atol=1e-6)


@pytest.mark.slow
def test_a_shaded_part_covers_the_area_that_it_has_seen_from_above():
    pytest.importorskip("open3d", reason="the part is drawn with the extra `pose`")
    from tfapp.pose.pictures.model_pictures import shade_mesh

    picture = shade_mesh(CadSurface(*bracket()), lambda points: points, 0.05, pixels=200)
    assert np.isfinite(picture).mean() == pytest.approx(0.06 * 0.02 / 0.1**2, abs=0.003)
    rows, columns = np.nonzero(np.isfinite(picture))
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == (120, 40)
