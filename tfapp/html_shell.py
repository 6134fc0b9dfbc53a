"""Sections and the links to them, as a page."""

from html import escape

from tfapp.html_page import html_page
from tfapp.html_style import SCRIPT, STYLE


def shell(title, lead, sections, library="", no_script=None):
    """Return a whole page.

    Args:
        title: Heading of the page.
        lead: Sentence below it.
        sections: List of `Section`.
        library: JavaScript that the figures of the sections need.
        no_script: Sentence for a browser that runs no scripts, or None.
    """
    links = "".join(f'<li><a href="#{part.anchor}">{escape(part.short)}</a></li>' for part in sections)
    return html_page(
        title,
        lead,
        "\n".join(part.html() for part in sections),
        style=STYLE,
        scripts=filter(None, (library, SCRIPT)),
        no_script=no_script,
        before_main=f'<nav aria-label="Contents"><ul>{links}</ul></nav>\n',
    )
