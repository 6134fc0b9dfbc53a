import csv

import pytest

from tfapp.report.result_table import ResultTable, Summary, document, mean_and_spread


@pytest.fixture
def table():
    return ResultTable(("network", "batch", "mIoU"), [["Unet", 16, "81.20"], ["RUnet", 16, "84.05"]])


def test_markdown_has_a_line_for_each_row_below_the_header(table):
    assert table.markdown() == (
        "| network | batch | mIoU |\n| --- | --- | --- |\n| Unet | 16 | 81.20 |\n| RUnet | 16 | 84.05 |"
    )


def test_a_bar_in_a_cell_does_not_end_it():
    lines = ResultTable(["a|b", "c"], [["1", "|x|"]]).markdown().splitlines()
    assert lines == ["| a\\|b | c |", "| --- | --- |", "| 1 | \\|x\\| |"]


def test_some_columns_make_a_narrower_table(table):
    assert table.columns(0, 2) == ResultTable(["network", "mIoU"], [["Unet", "81.20"], ["RUnet", "84.05"]])


def test_csv_is_read_back_as_written_whatever_the_cells_hold(tmp_path):
    rows = [['comma, quote " and\nline', "± λ"], ["", "1.5"]]
    ResultTable(["a", "b"], rows).write_csv(tmp_path / "new" / "table.csv")
    with (tmp_path / "new" / "table.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["a", "b"], *rows]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["table.csv"]


def test_a_document_has_heading_source_and_command_before_its_blocks_and_leaves_empty_ones_out(table):
    text = document(table, "", [], ["One.", "Two."], title="Table 1", source="Wu (2020)", command="tfapp x")
    assert text == (
        f"# Table 1\n\nAfter Wu (2020).\n\n```\ntfapp x\n```\n\n{table.markdown()}\n\n- One.\n- Two.\n"
    )


def test_a_document_of_one_table_is_that_table(table):
    assert document(table) == table.markdown() + "\n"


def test_spread_is_the_sample_standard_deviation():
    # (1 + 0 + 1) / (3 - 1) = 1
    assert Summary.of([1.0, 2.0, 3.0]) == Summary(2.0, 1.0, 3)
    assert f"{Summary.of([1.0, 2.0, 3.0]):.1f}" == "2.0 ± 1.0"


def test_one_training_has_no_spread_and_none_is_a_dash():
    assert mean_and_spread([0.5], ".2f") == "0.50"
    assert mean_and_spread([], ".2f") == "–"


def test_mean_and_spread_may_have_formats_of_their_own():
    assert mean_and_spread([10.0, 12.0], "+.2f", ".3g") == "+11.00 ± 1.41"
