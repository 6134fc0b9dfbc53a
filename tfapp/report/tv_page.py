"""The page of one table of Jia, Liu and Tai: table, figures, lambdas, settings, in one HTML file."""

from tfapp.files import write_text
from tfapp.html_markup import Section, command, grid, paragraph, picture, result_box, table
from tfapp.html_shell import shell
from tfapp.report.advice import origin_section
from tfapp.report.findings import key_results
from tfapp.report.material import entries_of
from tfapp.report.sections import legend
from tfapp.report.tables import class_tables, measure_tables
from tfapp.segmentation.tv_tables import SOURCE


def write_tv_page(result, out):
    """Write the page of a `TVResult`; it holds its figures, and asks no other machine for anything."""
    runs = [run for pair in result.pairs for run in (pair.plain, pair.regular)]
    sections = [
        _table_section(result),
        _figures_section(result),
        _weights_section(result),
        origin_section(entries_of(runs)),
    ]
    write_text(out, shell(result.table.heading, f"After {SOURCE}.", sections))


def _table_section(result):
    parts = [
        result_box(key_results(result.comparison)),
        measure_tables(result.comparison),
        class_tables(result.comparison),
        *(paragraph(note, "aside") for note in result.notes()),
        paragraph("The same table again:"),
        command(result.command),
    ]
    return Section("table", "Table", f"Table {result.table.number}", "\n".join(parts))


def _figures_section(result):
    pictures = [picture(path, caption) for path, caption in result.figures]
    colours = legend(result.pairs[0].plain.class_names)
    return Section("figures", "Figures", "Figures", grid(pictures, "stack") + colours)


def _weights_section(result):
    header, rows = result.weights()
    text = (
        "λ weighs the total variation: the larger it is, the smoother the answer. The first is chosen on validation "
        "images after the training, the second is learned in the training, from the training images alone."
    )
    return Section(
        "weights", "λ", "The weights of the total variation", paragraph(text) + table(header, rows)
    )
