"""`tfapp reproduce pose-table-...`: what is trained, and how results become rows beside what is printed."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.errors import InputError
from tfapp.pose.model.settings import usual_exponent
from tfapp.reproduce.pose.objects import chosen_objects
from tfapp.reproduce.pose.runs import Cell, Runs, is_evaluated
from tfapp.reproduce.pose.table_rows import result_table, rows_of
from tfapp.reproduce.pose.tables import TABLES
from tfapp.reproduce.pose.variants import SCALES, VARIANTS, variants_named
from tfapp.runs.progress import SILENT

WIDE = {"COLUMNS": "400", "NO_COLOR": "1"}


def metrics(f1, distance=0.004):
    """Return a `metrics.json` in which K-means reaches an F1 of 0.9."""
    scores = {"precision": f1 - 0.01, "recall": f1 + 0.01, "f1": f1}
    part = {
        "distance": distance,
        "scores": {"ours": scores, "K-means": {"precision": 0.9, "recall": 0.9, "f1": 0.9}},
    }
    return {"parts": {"training": part, "held-out": part}}


def lines_of(name, results):
    table = TABLES[name]
    found = result_table(table, rows_of(table, results))
    return [dict(zip(found.header, row, strict=True)) for row in found.rows]


def test_rows_are_means_over_seeds_beside_what_is_printed():
    results = {("bolt", 2, "one-channel", seed): metrics(0.9 + seed / 50) for seed in range(3)}
    (row,) = lines_of("pose-table-b.2", results)
    assert (row["object"], row["N"], row["method"]) == ("Bolt", "2", "one channel (v1)")
    assert row["F1 held-out"] == "0.920 ± 0.020" and row["P training"] == "0.910 ± 0.020"
    assert (row["CD mm training"], row["CD printed"], row["F1 printed"]) == ("4.00 ± 0.00", "0.0019", "0.99")


def test_clusterings_stand_beside_the_variants_in_table_4_2():
    rows = lines_of("pose-table-4.2", {("bolt", 2, "one-channel", 0): metrics(0.95)})
    found = {
        row["method"]: (row["F1 held-out"], row["F1 printed"]) for row in rows if row["object"] == "Bolt"
    }
    assert found == {
        "K-means": ("0.900", "0.89"),
        "spectral clustering": ("–", "0.96"),
        "one channel (v1)": ("0.950", "0.99"),
    }


def test_mean_is_that_of_the_measured_objects_and_printed_only_of_all_six():
    def mean_row(parts):
        results = {(part, 2, "one-channel", 0): metrics(f1) for part, f1 in parts.items()}
        return next(
            row
            for row in lines_of("pose-table-4.2", results)
            if row["object"].startswith("mean") and row["method"] == "one channel (v1)"
        )

    some, whole = (
        mean_row({"bolt": 0.9, "nut": 1.0}),
        mean_row(dict.fromkeys(TABLES["pose-table-4.2"].instances, 0.9)),
    )
    assert some["object"] == "mean of 2" and some["F1 training"].startswith("0.950 ± ")
    assert some["F1 printed"] == "–" and whole["F1 printed"] == "0.98"


def test_one_instance_has_no_scores_and_a_distance_in_millimetres():
    (row,) = lines_of("pose-table-b.4", {("nut", 1, "ortho6d", 0): metrics(1.0, distance=0.0042)})
    assert row["CD mm held-out"] == "4.20" and row["CD printed"] == "0.0018"
    assert row["F1 training"] == row["F1 printed"] == "–"


def test_cells_that_cannot_be_read_are_told_apart_from_those_that_are_not_there():
    (lost,) = lines_of("pose-table-b.7", {("nut", 3, "one-channel", 0): metrics(0.9)})
    (other,) = lines_of("pose-table-b.7", {("l-bracket", 3, "one-channel", 0): metrics(0.9)})
    assert (lost["F1 printed"], other["F1 printed"]) == ("?", "–")


def test_variant_that_the_table_does_not_have_stands_under_its_own_title():
    (row,) = lines_of("pose-table-b.2", {("bolt", 2, "hypotheses", 0): metrics(0.9)})
    assert row["method"] == VARIANTS["hypotheses"].title and row["F1 printed"] == "–"


def test_every_setting_is_a_variant():
    for table in TABLES.values():
        for part in table.instances:
            names = [setting.variant_of(part) for setting in table.settings]
            assert set(names) <= set(VARIANTS) and len(set(names)) == len(names)


def test_variants_of_the_text_have_nothing_that_is_beyond_it():
    for variant in VARIANTS.values():
        config = SCALES["paper"].of(variant, 0, "text", 5000)
        assert variant.of_text == (
            (config.turn, config.hypotheses, config.translation) == (False, 1, "direct")
        )
        assert variant.of_text == ((config.network_input, config.base_poses) == ("depth", False))


def test_half_of_the_points_keep_the_removal_of_all():
    config = SCALES["paper"].of(VARIANTS["half-points"], 0)
    assert (config.points, config.exponent) == (512, usual_exponent(1024))


def runs_of(out, scale="paper", **options):
    given = dict.fromkeys(("epochs", "scenes", "protocol", "network", "meshes")) | {"tilt": 0.0}
    return Runs.of(out, scale, **given | options, progress=SILENT)


def test_paper_scale_trains_on_all_scenes_and_gamma_reaches_10_by_either_rule(tmp_path):
    runs = runs_of(tmp_path)
    config = runs._config(Cell("bolt", 2, VARIANTS["softmin"], 0))
    training = runs._counts[0]
    steps = config.epochs * training // config.batch_size
    assert training == 5000 and round(config.held_out * sum(runs._counts)) == 500
    assert config.gamma_rate * steps == pytest.approx(10)
    assert runs._config(Cell("bolt", 2, VARIANTS["softmin-to-10"], 0)).gamma_end == 10


@pytest.mark.parametrize(("protocol", "count"), [("text", 50), ("held-out", 45)])
def test_share_of_the_scenes_is_of_those_that_are_learned_from(tmp_path, protocol, count):
    runs = runs_of(tmp_path, "small", protocol=protocol)
    assert runs._config(Cell("nut", 1, VARIANTS["scenes-0.1"], 0)).training_scenes == count


def test_objects_without_their_mesh_are_left_out_and_said(tmp_path):
    (tmp_path / "obj_14.stl").touch()
    (tmp_path / "OBJ_000024.PLY").touch()
    usual = tuple(TABLES["pose-table-4.2"].instances)
    names, told = chosen_objects(usual, None, tmp_path)
    assert names == ["bolt", "camera-head", "nut", "obj-14", "obj-24"]
    assert told == [f"Obj01 is left out: {tmp_path} has no obj_01.stl, .ply or .obj."]
    assert len(chosen_objects(usual, None, None)[1]) == 3


def test_unknown_variant_is_refused():
    with pytest.raises(InputError, match="Unknown variant 'best'; choose some of: one-channel"):
        variants_named("min,best")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--parts", "screw"], "Unknown part 'screw'; choose some of: bolt, camera-head, nut"),
        (
            ["--parts", "obj-14"],
            "Obj14 needs its mesh; --meshes FOLDER with obj_14.stl, .ply or .obj is not given",
        ),
        (["--parts", "obj-14", "--meshes", "{tmp}/none"], "none is no folder; expected --meshes FOLDER"),
        (["--parts", "obj-14", "--meshes", "{tmp}/open"], "obj_14.stl is not watertight"),
        (["--instances", "0"], "expected numbers of at least 1"),
        (["--scale", "large"], "Unknown --scale 'large'"),
        (["--protocol", "mine"], "Unknown --protocol 'mine'; choose one of: held-out, text"),
        (["--network", "mine"], "Unknown --network 'mine'; choose one of: tfapp, text"),
        (["--seeds", "x"], "expected different integers"),
    ],
)
def test_bad_options_are_one_sentence_and_nothing_is_written(tmp_path, options, sentence):
    (tmp_path / "open").mkdir()
    # One triangle, binary STL.
    corners = np.array([0, 0, 1, 0, 0, 0, 50, 0, 0, 0, 50, 0], "<f4")
    content = bytes(80) + np.uint32(1).tobytes() + corners.tobytes() + bytes(2)
    (tmp_path / "open" / "obj_14.stl").write_bytes(content)
    options = [option.format(tmp=tmp_path) for option in options]
    result = CliRunner().invoke(
        app, ["reproduce", "pose-table-b.5", "--out", str(tmp_path / "t"), *options], env=WIDE
    )
    assert result.exit_code == 2 and sentence in result.output, result.output
    assert [one.name for one in tmp_path.iterdir()] == ["open"]


class RunOfWeights:
    """A run of eight training scenes whose weights have the hash `now`."""

    splits = {"training": np.arange(8), "held-out": np.arange(0)}

    def __init__(self, path):
        self.path = path

    def is_current(self, weights):
        return weights == "now"


EIGHT = {"parts": {"training": {"scenes": 8}}}


@pytest.mark.parametrize(
    ("content", "evaluated"),
    [
        ({"pixels": "all", "weights": "now"} | EIGHT, True),
        ({"pixels": "all", "weights": "now", "parts": {"training": {"scenes": 5}}}, False),
        ({"pixels": "all", "weights": "then"} | EIGHT, False),
        ({"pixels": "all", "weights": "now", "refined": True} | EIGHT, False),
        ({"choose": "distance"}, False),
        (None, False),
    ],
    ids=[
        "new",
        "of other scenes",
        "of other weights",
        "of a refined model",
        "of an earlier version",
        "missing",
    ],
)
def test_metrics_of_other_weights_or_of_some_pixels_are_made_again(tmp_path, content, evaluated):
    if content is not None:
        (tmp_path / "metrics.json").write_text(json.dumps(content))
    assert is_evaluated(RunOfWeights(tmp_path)) == evaluated


@pytest.mark.reproduce
def test_table_is_made_once_and_told_again_and_a_figure_shares_its_runs(tmp_path):
    tiny = ["--out", str(tmp_path), "--epochs", "1", "--scenes", "6", "--parts", "bolt"]
    line = [
        "reproduce",
        "pose-table-4.2",
        *tiny,
        "--seeds",
        "0",
        "--instances",
        "2",
        "--variants",
        "one-channel",
    ]
    first = CliRunner().invoke(app, line, env=WIDE)
    assert first.exit_code == 0, first.output
    model = tmp_path / "runs" / "bolt-2" / "one-channel" / "seed-0" / "model.keras"
    written = model.stat().st_mtime_ns
    content = json.loads((tmp_path / "pose-table-4.2.json").read_text())
    assert [cell["variant"] for cell in content["cells"]] == ["one-channel"]
    assert content["rows"][0]["printed"] == {"F1": 0.89}
    assert "| Bolt | 2 | K-means |" in (tmp_path / "pose-table-4.2.md").read_text()
    again = CliRunner().invoke(app, line, env=WIDE)
    assert again.exit_code == 0 and "evaluated already" in again.output
    figure = CliRunner().invoke(app, ["reproduce", "pose-figure-4.4", *tiny], env=WIDE)
    assert figure.exit_code == 0, figure.output
    assert (tmp_path / "pose-figure-4.4.png").is_file()
    assert model.stat().st_mtime_ns == written


@pytest.mark.reproduce
def test_protocol_of_the_text_trains_on_all_scenes_with_its_network(tmp_path):
    line = ["reproduce", "pose-table-b.4", "--out", str(tmp_path), "--epochs", "1", "--scenes", "6"]
    line += ["--seeds", "0", "--instances", "1", "--variants", "axis-angle"]
    result = CliRunner().invoke(app, [*line, "--protocol", "text", "--network", "text"], env=WIDE)
    assert result.exit_code == 0, result.output
    run = tmp_path / "runs" / "nut-1-text" / "axis-angle-text-network" / "seed-0"
    record = json.loads((run / "run.json").read_text())
    assert [len(record["data"]["parts"][name]) for name in ("training", "held-out")] == [6, 1]
    assert (record["config"]["network_input"], record["config"]["base_poses"]) == ("depth", False)
