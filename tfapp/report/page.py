"""The HTML around a page of ours: one file that asks no other machine for anything; sections and links to them."""

import platform
from datetime import datetime
from html import escape

from tfapp import __version__
from tfapp.report.style import SCRIPT, STYLE


def html_page(title, lead, body, *, style, scripts=(), no_script=None, lead_class="lead", before_main=""):
    """Return a whole page.

    Args:
        title: Heading of the page.
        lead: Sentence below it.
        body: HTML of the sections.
        style: CSS.
        scripts: JavaScript, run in this order.
        no_script: Sentence for a browser that runs no scripts, or None.
        lead_class: CSS class of the sentence.
        before_main: HTML between header and sections.
    """
    without = "" if no_script is None else f'<noscript><p class="note">{escape(no_script)}</p></noscript>\n'
    # Scripts last, so that text and pictures show before megabytes of JavaScript are read.
    ending = "\n".join(f"<script>{script}</script>" for script in scripts)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="{lead_class}">{escape(lead)}</p>
{without}</header>
{before_main}<main>
{body}
</main>
{_footer()}
{ending}
</body>
</html>
"""


def _footer():
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    text = f"Written by tfapp {__version__} on Python {platform.python_version()}, {now}. Works offline."
    return f"<footer><p>{escape(text)}</p></footer>"


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
