import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.solvers.bounds.steps import StepTable

COLUMNS = ("epoch", "step", "loss")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "steps.csv"


def filled(path, steps, start=0, overwrite=False):
    """Open a table after `start` steps, add rows with these steps, and write them."""
    table = StepTable(path, overwrite)
    table.open(COLUMNS, start)
    for step in steps:
        table.add([1, step, 1 / step])
    table.flush()
    return table


def test_file_and_memory_hold_the_rows(path):
    table = filled(path, [1, 2, 3])
    assert path.read_text() == "epoch,step,loss\n1,1,1\n1,2,0.5\n1,3,0.333333333\n"
    np.testing.assert_array_equal(table.columns()["loss"], [1, 0.5, 1 / 3])


def test_only_new_rows_are_handed_out(path):
    table = filled(path, [1, 2])
    table.add([1, 3, 0.0])
    assert table.flush().tolist() == [[1, 3, 0]]


def test_every_float32_is_read_again_exactly(path):
    values = np.float32(np.random.default_rng(0).random(50))
    table = StepTable(path, False)
    table.open(COLUMNS, 0)
    for step, value in enumerate(values, 1):
        table.add([1, step, value])
    table.flush()
    stored = filled(path, [], start=50).columns()["loss"]
    np.testing.assert_array_equal(np.float32(stored), values)


def test_infinite_and_missing_numbers_are_read_again(path):
    table = StepTable(path, False)
    table.open(COLUMNS, 0)
    table.add([1, 1, np.inf])
    table.add([1, 2, np.nan])
    table.flush()
    np.testing.assert_array_equal(filled(path, [], start=2).columns()["loss"], [np.inf, np.nan])


def test_training_that_goes_on_drops_the_rows_beyond_its_step(path):
    filled(path, [1, 2, 3, 4])
    table = filled(path, [3, 4, 5], start=2)
    assert table.columns()["step"].tolist() == [1, 2, 3, 4, 5]
    assert len(path.read_text().splitlines()) == 6


def test_memory_goes_on_without_a_file():
    table = filled(None, [1, 2, 3])
    table.open(COLUMNS, 2)
    assert table.columns()["step"].tolist() == [1, 2]


def test_memory_of_other_columns_is_forgotten():
    table = filled(None, [1, 2, 3])
    table.open(("step", "loss"), 3)
    assert not len(table.columns()["step"])


def test_line_that_was_cut_off_is_dropped(path):
    filled(path, [1, 2, 3])
    path.write_text(path.read_text()[:-4])
    assert filled(path, [], start=3).columns()["step"].tolist() == [1, 2]


def test_file_of_another_training_is_replaced_on_request_only(path):
    filled(path, [1, 2, 3])
    content = path.read_text()
    with pytest.raises(InputError, match="holds 3 rows of another training; choose .* overwrite=True"):
        filled(path, [])
    assert path.read_text() == content
    filled(path, [1], overwrite=True)
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "epoch,step,loss\n1,x,2\n", "epoch,step,loss\n1,2\n"])
def test_file_of_something_else_is_refused_and_kept(path, content):
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(InputError, match="is not a table of the columns epoch,step,loss"):
        filled(path, [], start=1)
    assert path.read_text() == content
