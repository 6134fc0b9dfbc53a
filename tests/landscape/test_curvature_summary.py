import json

import numpy as np
import pytest
from small_convex import build_logistic, flat_weights, logistic_derivatives

from tfapp.errors import InputError
from tfapp.landscape import sharpness, summarise_curvature


@pytest.fixture
def logistic(tmp_path):
    model, x, y = build_logistic()
    return model, x, y, tmp_path / "sharpness.json"


def test_the_summary_is_that_of_the_closed_form(logistic):
    model, x, y, _ = logistic
    matrix = logistic_derivatives(x, y, flat_weights(model))[2]
    values = np.linalg.eigvalsh(matrix)
    found = summarise_curvature(model, x, y, k=2, trace_probes=200)
    assert (found.method, found.step) == ("exact", None)
    assert found.largest.values == pytest.approx([values[-1], values[-2]], rel=1e-5)
    assert found.smallest.values == pytest.approx([values[0]], rel=1e-4)
    assert max(found.largest.residuals + found.smallest.residuals) < 1e-3
    assert abs(found.trace.mean - np.trace(matrix)) < 4 * found.trace.standard_error
    assert found.density.nodes.max() == pytest.approx(values[-1], rel=1e-4)


@pytest.mark.slow
def test_the_loss_along_the_first_eigenvector_is_measured_too(segmenter, data):
    found = summarise_curvature(segmenter, *data, k=1, trace_probes=2, steps=5, batch_size=4)
    assert found.largest.measured[0] == pytest.approx(found.largest.values[0], rel=0.5)


def test_fewer_parameters_than_eigenvalues_give_them_all(logistic):
    model, x, y, _ = logistic
    assert len(summarise_curvature(model, x, y, k=9).largest.values) == 5


class Killed(Exception):
    pass


@pytest.mark.slow
def test_a_killed_summary_keeps_its_parts_and_goes_on(logistic):
    model, x, y, path = logistic

    def kill_in_the_trace(done, total):
        if done >= 100:
            raise Killed

    unbroken = summarise_curvature(model, x, y)
    with pytest.raises(Killed):
        summarise_curvature(model, x, y, path=path, progress=kill_in_the_trace)
    entry = json.loads(path.read_text())["hessian"][0]
    assert "smallest" in entry and "trace" not in entry
    entry["largest"]["measured"][0] = -1.0
    content = json.loads(path.read_text()) | {"hessian": [entry]}
    path.write_text(json.dumps(content))
    resumed = summarise_curvature(model, x, y, path=path)
    assert resumed.largest.measured[0] == -1.0
    assert (resumed.smallest, resumed.trace) == (unbroken.smallest, unbroken.trace)
    np.testing.assert_array_equal(resumed.density.density, unbroken.density.density)


def test_it_shares_the_file_of_sharpness(logistic):
    model, x, y, path = logistic
    first = sharpness(model, x, y, repeats=1, path=path)
    summarise_curvature(model, x, y, path=path)
    assert sharpness(model, x, y, repeats=1, path=path) == first
    assert set(json.loads(path.read_text())) == {"format", "solution", "sharpness", "hessian"}


@pytest.mark.slow
def test_progress_does_not_go_back_and_stays_within_its_total(segmenter, data):
    seen = []
    summarise_curvature(
        segmenter, *data, k=1, trace_probes=3, steps=4, batch_size=4, progress=lambda *c: seen.append(c)
    )
    assert seen == sorted(seen) and all(done <= total for done, total in seen)


def test_another_solution_is_refused(logistic):
    model, x, y, path = logistic
    summarise_curvature(model, x, y, path=path)
    model.set_weights([w + 0.1 for w in model.get_weights()])
    with pytest.raises(InputError, match="belongs to another solution; changed: weights"):
        summarise_curvature(model, x, y, path=path)
