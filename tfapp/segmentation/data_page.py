"""Page, or sheet, of what the check of a dataset found, with pictures of the images that are meant."""

from tfapp.data.checks import WARNING
from tfapp.errors import InputError
from tfapp.files import write_text
from tfapp.report.contact_sheet import as_rgb, contact_sheet
from tfapp.report.figures import jpeg_address, save_image
from tfapp.report.markup import Cell, Section, facts, figure, grid, paragraph, table
from tfapp.report.page import shell
from tfapp.segmentation.pictures import overlay

PAGE, SHEET = ".html", ".png"
_QUALITY = 85


def check_out(path):
    """Raise InputError unless a file can be written as a page or a sheet."""
    if path.suffix.lower() not in (PAGE, SHEET):
        raise InputError(f"`out` {path} ends in {path.suffix or 'nothing'}; expected {PAGE} or {SHEET}.")


def write_data_report(report, num_classes, path):
    """Write a `DataReport` as one HTML file, or its pictures as a PNG.

    Args:
        report: `tfapp.data.checks.DataReport`.
        num_classes: Number of classes of the masks, for their colours.
        path: `Path` that ends in .html or .png.
    """
    check_out(path)
    if path.suffix.lower() == SHEET:
        _write_sheet(report, num_classes, path)
        return
    words = len(report.of_kind(WARNING))
    found = [_finding(report, finding, num_classes) for finding in report.findings]
    sections = [
        Section("facts", "Facts", "What is there", facts(report.facts)),
        Section(
            "findings",
            "Findings",
            "What was found",
            "".join(found) or paragraph("Nothing that is to be mended."),
        ),
    ]
    if report.classes:
        sections.append(Section("classes", "Classes", "Classes", table(report.header, report.classes)))
    if report.extremes:
        shown = [
            _pictures(report, name, f"{what}: {name}", num_classes) for what, name in report.extremes.items()
        ]
        sections.append(Section("extremes", "Extremes", "The ends of the range", "".join(shown)))
    write_text(path, shell(f"Check of {report.spec}", f"{words} warning(s).", sections))


def _finding(report, finding, num_classes):
    text = paragraph(f"{finding.kind}: {finding.text}", "note")
    return text + "".join(_pictures(report, name, name, num_classes) for name in finding.pictures)


def _pictures(report, name, caption, num_classes):
    shown = _shown(report.pictures[name], num_classes)
    sheet = contact_sheet([shown], [""] * len(shown)) if shown else None
    if sheet is None:
        return paragraph(f"{caption}: cannot be shown.")
    size = f'width="{sheet.width}" height="{sheet.height}"'
    return grid(
        [figure(Cell(f'<img src="{jpeg_address(sheet, _QUALITY)}" {size} alt="">'), caption)], "cards"
    )


def _shown(picture, num_classes):
    """Return an image, and beside it its mask laid over or its pair, as far as they can be read."""
    try:
        image = picture.read()
        if picture.second is None:
            return [as_rgb(image)]
        second = picture.second()
        if second.ndim == 3:
            return [as_rgb(image), as_rgb(second)]
        return [as_rgb(image), overlay(image, second, num_classes)]
    except (InputError, ValueError):
        return []


def _write_sheet(report, num_classes, path):
    names = list(
        dict.fromkeys([n for f in report.findings for n in f.pictures] + [*report.extremes.values()])
    )
    rows, captions = [], []
    for name in names:
        if shown := _shown(report.pictures[name], num_classes):
            rows.append(shown)
            captions.append([name, *[""] * (len(shown) - 1)])
    if not rows:
        raise InputError(f"{report.spec} has no image that can be shown; write the report to a .html file.")
    save_image(contact_sheet(rows, ["image", "mask"][: len(rows[0])], captions=captions), path)
