from types import SimpleNamespace

import keras
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from tfapp.cli.landscape import landscape, parse_range, parse_seconds
from tfapp.errors import InputError
from tfapp.landscape import Surface
from tfapp.landscape import landscape as measure
from tfapp.landscape.directions.trajectory import begin, write_checkpoint
from tfapp.runs.run import Solution

OPTIONS = ["--n", "3", "--samples", "10", "--batch-size", "4"]


def moved(model, seed):
    """Return a copy of a model at other weights."""
    rng, copy = np.random.default_rng(seed), keras.models.clone_model(model)
    copy.set_weights([w + 0.1 * rng.random(w.shape, np.float32) for w in model.get_weights()])
    return copy


@pytest.fixture
def invoke(monkeypatch, segmenter, data, tmp_path):
    """Return a function that runs the command on a run folder with the small segmenter.

    There are two more runs, `second` and `third`, and one of another network, `other`.
    """
    other = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.Conv2D(3, 1)])
    models = {
        tmp_path: segmenter,
        "second": moved(segmenter, 1),
        "third": moved(segmenter, 2),
        "other": other,
    }

    def open_run(path):
        folder = tmp_path if path == tmp_path else tmp_path / path
        solution = Solution(
            folder,
            "RUnet",
            lambda: models[path],
            lambda count, seed: data if count == 10 else None,
            trajectory=folder / "trajectory",
        )
        return SimpleNamespace(solution=lambda **options: solution)

    monkeypatch.setattr("tfapp.cli.landscape.open_run", open_run)
    app = typer.Typer()
    app.command()(landscape)
    return lambda *options: CliRunner().invoke(
        app, [str(tmp_path), *OPTIONS, *options], env={"COLUMNS": "120"}
    )


def refusal(result):
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


@pytest.mark.slow
def test_the_command_writes_surface_pictures_and_page(invoke, tmp_path):
    result = invoke("--range", "0.25")
    assert result.exit_code == 0, result.output
    stem = "surface-n3-r0.25-s0"
    assert {file.name for file in (tmp_path / "landscape").iterdir()} == {
        f"{stem}.npz",
        f"{stem}.timing.json",
        f"{stem}.png",
        f"{stem}-contour.png",
        f"{stem}.html",
    }
    surface = Surface.load(tmp_path / "landscape" / f"{stem}.npz")
    assert surface.complete and f"{surface.centre:.6g}" in result.output
    for text in (
        "model.evaluate",
        "minimum",
        "points measured",
        "NaN cells",
        "a bare forward pass",
        f"{stem}.html",
    ):
        assert text in result.output


@pytest.mark.slow
def test_the_command_reads_a_complete_surface_again_and_starts_over_on_request(invoke, tmp_path):
    assert invoke().exit_code == 0
    file = tmp_path / "landscape" / "surface-n3-r1-s0.npz"
    written = file.stat().st_mtime_ns
    assert invoke().exit_code == 0 and file.stat().st_mtime_ns == written
    assert invoke("--overwrite").exit_code == 0 and file.stat().st_mtime_ns > written


@pytest.mark.slow
def test_a_line_is_drawn_as_a_curve(invoke, tmp_path):
    result = invoke("--line", "--range", "-0.5:1")
    assert result.exit_code == 0, result.output
    file = tmp_path / "landscape" / "surface-n3-r-0.5to1-s0-line.npz"
    assert Surface.load(file).alphas.tolist() == [-0.5, 0.25, 1.0]
    assert file.with_suffix(".png").is_file() and not file.with_suffix(".html").exists()


@pytest.mark.slow
def test_a_budget_that_ends_is_said_and_the_same_command_goes_on(invoke, tmp_path):
    first = invoke("--budget", "0.0001s", "--exact")
    assert first.exit_code == 0 and "budget" in first.output
    assert 0 < Surface.load(tmp_path / "landscape" / "surface-n3-r1-s0-exact.npz").num_measured < 9
    assert "9 of 9" in invoke("--exact").output


def surface_of(tmp_path, name):
    return Surface.load(tmp_path / "landscape" / f"surface-n3-{name}.npz")


@pytest.mark.slow
def test_the_line_to_another_run_holds_both_solutions(invoke, tmp_path, segmenter, data):
    result = invoke("--to", "second", "--n", "5")
    assert result.exit_code == 0, result.output
    surface = Surface.load(tmp_path / "landscape" / "surface-n5-rauto-s0-to-second.npz")
    assert surface.alphas.tolist() == [-0.5, 0.0, 0.5, 1.0, 1.5]
    second = moved(segmenter, 1)
    # Moving statistics are not trainable: along the line they are those of the first run.
    for weight, own in zip(second.non_trainable_variables, segmenter.non_trainable_variables, strict=True):
        weight.assign(own)
    second.compile(loss=segmenter.loss)
    ends = [measure(model, *data, n=3, exact=True, batch_size=4).centre for model in (segmenter, second)]
    np.testing.assert_allclose(surface.loss[[1, 3], 0], ends, rtol=1e-5)


@pytest.mark.slow
def test_the_plane_through_three_runs_has_all_in_its_window(invoke, tmp_path):
    result = invoke("--to", "second,third")
    assert result.exit_code == 0, result.output
    surface = surface_of(tmp_path, "rauto-s0-to-second-third")
    names = surface.metadata["directions"]["point_names"]
    points = np.array(surface.metadata["directions"]["points"])
    assert names == [tmp_path.name, "second", "third"]
    lowest, highest = ((surface.alphas[end], surface.betas[end]) for end in (0, -1))
    assert np.all(points > lowest) and np.all(points < highest)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "other"], "other has other parameters than model"),
        (["--to", "second,third,other"], "--to expects one run, or two with a comma"),
        (["--to", "second", "--directions", "gradient"], "leave out --directions gradient"),
        (["--to", "second", "--biases"], "do not apply to directions that are made already"),
        (
            ["--directions", "pca"],
            "has no trajectory for --directions pca; train it again with --trajectory 1",
        ),
        (["--export", "vts,obj"], "--export expects some of vts, vtp, h5, comma-separated; got 'vts,obj'"),
        (["--export", ""], "--export expects some of"),
        (["--export", "vtp", "--line"], "--export vtp is for surfaces over a plane"),
        (["--export", "vts", "--to", "second"], "--export vts is for surfaces over a plane"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_written(
    invoke, tmp_path, options, message
):
    assert message in refusal(invoke(*options))
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_pca_draws_the_recorded_trajectory_within_the_window(invoke, tmp_path, segmenter):
    solution = [variable.numpy() for variable in segmenter.trainable_variables]
    rng = np.random.default_rng(0)
    begin(tmp_path / "trajectory", segmenter)
    for step, distance in enumerate((0.3, 0.2, 0.0)):
        weights = [w + distance * rng.random(w.shape, np.float32) for w in solution]
        write_checkpoint(tmp_path / "trajectory", segmenter, weights, step, step)
    result = invoke("--directions", "pca")
    assert result.exit_code == 0 and "PCA 1" in result.output, result.output
    surface = surface_of(tmp_path, "rauto-s0-pca")
    points = np.array(surface.metadata["directions"]["points"])
    assert points.shape == (3, 2) and points[-1].tolist() == [0, 0]
    assert surface.alphas[0] < points[:, 0].min() and surface.alphas[-1] > points[:, 0].max()
    assert surface.betas[0] < points[:, 1].min() and surface.betas[-1] > points[:, 1].max()


@pytest.mark.slow
def test_a_surface_is_exported_in_all_formats_that_are_asked_for(invoke, tmp_path):
    result = invoke("--export", "vts, vtp,h5,vts")
    assert result.exit_code == 0, result.output
    for ending in ("vts", "vtp", "h5"):
        assert (tmp_path / "landscape" / f"surface-n3-r1-s0.{ending}").is_file()
        assert result.output.count(f"surface-n3-r1-s0.{ending}") == 1


@pytest.mark.slow
def test_a_gradient_goes_on_after_its_budget_with_the_directions_it_was_begun_with(invoke, tmp_path):
    assert invoke("--budget", "0.0001s", "--exact", "--directions", "gradient").exit_code == 0
    kept = tmp_path / "landscape" / "surface-n3-r1-s0-gradient-exact-directions.npz"
    assert kept.is_file()
    assert "9 of 9" in invoke("--exact", "--directions", "gradient").output


@pytest.mark.slow
def test_the_default_range_is_one_whether_it_is_given_or_not(invoke, tmp_path):
    assert invoke().exit_code == 0
    assert invoke("--range", "1").exit_code == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", (-1.0, 1.0)), ("auto", "auto"), ("-0.5:1.5", (-0.5, 1.5)), ("1,-1:2", ((-1.0, 1.0), (-1.0, 2.0)))],
)
def test_ranges_are_half_widths_or_limits_for_one_or_both_axes(text, expected):
    assert parse_range(text) == expected


@pytest.mark.parametrize("text", ["0", "-1", "a", "2:1", "1:2:3", "1,1,1", ""])
def test_other_ranges_are_refused(text):
    with pytest.raises(InputError, match="--range expects"):
        parse_range(text)


@pytest.mark.parametrize(("text", "seconds"), [("60", 60), ("1.5s", 1.5), ("5m", 300), ("2h", 7200)])
def test_times_are_read_with_their_unit(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["0s", "-1", "soon", "5 d"])
def test_other_times_are_refused(text):
    with pytest.raises(InputError, match="--budget expects a time such as 60s"):
        parse_seconds(text)
