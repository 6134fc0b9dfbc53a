"""Small pieces of HTML that the sections of pages share; text from people is escaped here."""

from dataclasses import dataclass
from html import escape

from PIL import Image

from tfapp.report.figures import data_address


@dataclass(frozen=True)
class Section:
    """A part of the page: its anchor, its short name in the contents, its heading and its HTML."""

    anchor: str
    short: str
    heading: str
    body: str

    def html(self):
        return (
            f'<section id="{self.anchor}" aria-labelledby="{self.anchor}-title">\n'
            f'<h2 id="{self.anchor}-title">{escape(self.heading)}</h2>\n{self.body}\n</section>'
        )


def paragraph(text, kind=None):
    """Return a paragraph of plain text; `kind` is a class of the style sheet."""
    return f"<p{_kind(kind)}>{escape(text)}</p>"


def command(text):
    """Return a command line to copy."""
    return f'<pre class="line"><code>{escape(text)}</code></pre>'


def layout(text):
    """Return text whose lines and spaces stay as they are."""
    return f'<pre class="layout"><code>{escape(text)}</code></pre>'


def facts(values):
    """Return short facts as boxes, from a dict of their names and texts."""
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in values.items()
    )
    return f'<dl class="facts">{items}</dl>'


def moment(text):
    """Return a time of a run or an export, ISO 8601 in UTC, as people read it."""
    return text.replace("T", " ").removesuffix("+00:00") + " UTC"


def to_do(text, line):
    """Return a remark that something is missing, with the command that makes it."""
    return f"{paragraph(text, 'note')}{command(line)}"


def table(header, rows, caption=None, kind=None):
    """Return a table that scrolls sideways where it is wider than the screen.

    Args:
        header: Texts of the first row.
        rows: Lists of cells, the first of which heads its row: text, or `Cell`s of ready HTML.
        caption: Line above the table.
        kind: Class of the style sheet; `text` for cells that are not numbers.
    """
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in header)
    body = "".join(
        f'<tr><th scope="row">{_html(row[0])}</th>{"".join(f"<td>{_html(cell)}</td>" for cell in row[1:])}</tr>\n'
        for row in rows
    )
    line = "" if caption is None else f"<caption>{escape(caption)}</caption>"
    # A box that scrolls must be reachable by the keyboard.
    return (
        f'<div class="scroll" tabindex="0"><table{_kind(kind)}>{line}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


class Cell(str):
    """A table cell that is HTML already."""


def figure(content, caption, kind=None):
    """Return a figure of ready HTML with a caption of plain text."""
    return f"<figure{_kind(kind)}>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def picture(path, caption):
    """Return a PNG file as a figure that holds it whole, with a caption of plain text."""
    with Image.open(path) as opened:
        size = f'width="{opened.width}" height="{opened.height}"'
    source = data_address("image/png", path.read_bytes())
    image = f'<img src="{source}" {size} alt="{escape(caption)}">'
    return figure(image, caption, "card")


def plot(figure, name):
    """Return the place of a Plotly figure and its description, which the page's script draws.

    Drawn only when the whole page stands, since a figure takes the width that its neighbours leave. The page needs
    the script of Plotly as its library.

    Args:
        figure: Plotly figure.
        name: Identifier, unique on the page.
    """
    return f'<div id="{name}" class="plot"></div>{json_script(figure.to_json(), "data-plot", name)}'


def json_script(content, attribute, name):
    """Return JSON for the scripts of a page, which find it by an attribute; it cannot end its own element.

    Args:
        content: Text in JSON.
        attribute: Such as `id`.
        name: Value of the attribute.
    """
    # "</script>" within a text would end the element; JSON knows the same letter by its number.
    safe = content.replace("<", "\\u003c")
    return f'<script type="application/json" {attribute}="{name}">{safe}</script>'


def result_box(sentences):
    """Return sentences on a result, the first in bold."""
    first, *more = sentences
    rest = "".join(f" {escape(text)}" for text in more)
    return f'<p class="result"><strong>{escape(first)}</strong>{rest}</p>'


def details(summary, content):
    """Return ready HTML that unfolds on request."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def grid(parts, kind):
    """Return ready HTML parts beside one another as far as the screen is wide."""
    return f'<div class="{kind}">{"".join(parts)}</div>'


def sentence_list(texts):
    """Return "a", "a and b" or "a, b and c"."""
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


def _kind(kind):
    return "" if kind is None else f' class="{kind}"'


def _html(cell):
    return cell if isinstance(cell, Cell) else escape(str(cell))
