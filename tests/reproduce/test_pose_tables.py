"""`tfapp reproduce pose-table-...`: what is trained, and how results become rows."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tfapp.cli.main import app
from tfapp.errors import InputError
from tfapp.reproduce.pose.studies import is_evaluated
from tfapp.reproduce.pose.tables import TABLES, result_table
from tfapp.reproduce.pose.variants import SCALES, VARIANTS, variants_named

WIDE = {"COLUMNS": "400", "NO_COLOR": "1"}
TITLES = {name: variant.title for name, variant in VARIANTS.items()}


def metrics(f1, distance=0.004):
    """Return a `metrics.json` in which K-means reaches an F1 of 0.9."""
    scores = {"precision": f1 - 0.01, "recall": f1 + 0.01, "f1": f1}
    part = {
        "distance": distance,
        "scores": {"ours": scores, "K-means": {"precision": 0.9, "recall": 0.9, "f1": 0.9}},
        "poses": {"rotation_median": None},
    }
    return {"parts": {"training": part, "held-out": part}, "model": {"learned_to_cad": {"mean": 0.001}}}


def rows_of(name, results, instances=(2,)):
    table = result_table(replace(TABLES[name], instances=instances), results, TITLES)
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]


def test_rows_are_means_over_seeds_with_their_standard_deviation():
    results = {("bolt", 2, "one-channel", seed): metrics(0.9 + seed / 50) for seed in range(3)}
    ours = next(row for row in rows_of("pose-table-b.5", results) if row["method"] == "one channel")
    assert ours["scenes"] == "bolt, N = 2"
    assert ours["F1 held-out"] == "0.920 ± 0.020" and ours["precision held-out"] == "0.910 ± 0.020"


def test_clusterings_stand_beside_the_variants():
    results = {("bolt", 2, "one-channel", 0): metrics(0.95)}
    methods = {row["method"]: row["F1 held-out"] for row in rows_of("pose-table-b.5", results)}
    assert methods == {"one channel": "0.950", "K-means": "0.900", "spectral clustering": "–"}


def test_table_4_2_is_the_mean_over_parts():
    results = {(part, 2, "min", 0): metrics(f1) for part, f1 in (("bolt", 0.9), ("nut", 1.0))}
    first = rows_of("pose-table-4.2", results)[0]
    assert first["scenes"] == "N = 2" and first["F1 held-out"].startswith("0.950 ± ")


def test_distances_are_in_millimetres():
    row = rows_of("pose-table-b.3", {("nut", 1, "no-removal", 0): metrics(1.0, distance=0.0042)})[0]
    assert row["Chamfer held-out, mm"] == "4.20" and row["model to part, mm"] == "1.00"
    assert row["rotation held-out, °"] == row["part to model, mm"] == "–"


def test_variants_of_the_text_have_nothing_that_is_beyond_it():
    for name in ("one-channel", "softmin", "min"):
        config = SCALES["paper"].of(VARIANTS[name], 0)
        assert (config.turn, config.hypotheses, config.translation) == (False, 1, "direct")


def test_paper_scale_reaches_gamma_10():
    config, scenes = SCALES["paper"].of(VARIANTS["softmin"], 0), SCALES["paper"].scenes
    # The notes' arithmetic: 5,000 scenes by 250, 250 passes, 0.002 a step.
    assert config.gamma_rate * config.epochs * scenes / config.batch_size == pytest.approx(10)


def test_unknown_variant_is_refused():
    with pytest.raises(InputError, match="Unknown variant 'best'; choose some of: one-channel"):
        variants_named("min,best")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--parts", "screw"], "Unknown part 'screw'; choose some of: nut, bolt"),
        (["--instances", "0"], "expected numbers of at least 1"),
        (["--scale", "large"], "Unknown --scale 'large'"),
        (["--seeds", "x"], "expected different integers"),
    ],
)
def test_bad_options_are_one_sentence_and_nothing_is_written(tmp_path, options, sentence):
    result = CliRunner().invoke(
        app, ["reproduce", "pose-table-b.5", "--out", str(tmp_path / "t"), *options], env=WIDE
    )
    assert result.exit_code == 2 and sentence in result.output
    assert not any(tmp_path.iterdir())


class RunOfWeights:
    """A run whose weights have the hash `now`."""

    def __init__(self, path):
        self.path = path

    def is_current(self, weights):
        return weights == "now"


@pytest.mark.parametrize(
    ("content", "evaluated"),
    [
        ({"pixels": "all", "weights": "now"}, True),
        ({"pixels": "all", "weights": "then"}, False),
        ({"pixels": "all", "weights": "now", "refined": True}, False),
        ({"choose": "distance"}, False),
        (None, False),
    ],
    ids=["new", "of other weights", "of a refined model", "of an earlier version", "missing"],
)
def test_metrics_of_other_weights_or_of_some_pixels_are_made_again(tmp_path, content, evaluated):
    if content is not None:
        (tmp_path / "metrics.json").write_text(json.dumps(content))
    assert is_evaluated(RunOfWeights(tmp_path)) == evaluated


@pytest.mark.reproduce
def test_table_is_made_once_and_told_again(tmp_path):
    line = ["reproduce", "pose-table-b.5", "--out", str(tmp_path), "--parts", "bolt", "--seeds", "0"]
    line += ["--variants", "one-channel", "--epochs", "1", "--scenes", "6"]
    first = CliRunner().invoke(app, line, env=WIDE)
    assert first.exit_code == 0, first.output
    model = tmp_path / "runs" / "bolt-2" / "one-channel" / "seed-0" / "model.keras"
    written = model.stat().st_mtime_ns
    cells = json.loads((tmp_path / "pose-table-b.5.json").read_text())["cells"]
    assert [cell["variant"] for cell in cells] == ["one-channel"]
    assert "| bolt, N = 2 | K-means |" in (tmp_path / "pose-table-b.5.md").read_text()
    again = CliRunner().invoke(app, line, env=WIDE)
    assert again.exit_code == 0 and "evaluated already" in again.output
    assert model.stat().st_mtime_ns == written
