"""HTML around every page of ours: one file that asks no other machine for anything."""

import platform
from datetime import datetime
from html import escape

from tfapp import __version__
from tfapp.report.style import SCRIPT, STYLE


def shell(title, lead, sections, library="", no_script=None, *, style="", script=""):
    """Return a whole page: heading, contents, sections, footer.

    Args:
        title: Heading of the page.
        lead: Sentence below it.
        sections: List of `tfapp.report.markup.Section`; the contents link to them.
        library: JavaScript that the figures of the sections need, such as plotly.js.
        no_script: Sentence for a browser that runs no scripts, or None.
        style: Rules of this page beyond the common style sheet.
        script: JavaScript of this page, run after the common script.
    """
    links = "".join(f'<li><a href="#{part.anchor}">{escape(part.short)}</a></li>' for part in sections)
    body = "\n".join(part.html() for part in sections)
    without = "" if no_script is None else f'<noscript><p class="note">{escape(no_script)}</p></noscript>\n'
    # Scripts last, so that text and pictures show before megabytes of JavaScript are read.
    scripts = "\n".join(f"<script>{one}</script>" for one in (library, SCRIPT, script) if one)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{STYLE}{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
{without}</header>
<nav aria-label="Contents"><ul>{links}</ul></nav>
<main>
{body}
</main>
{_footer()}
{scripts}
</body>
</html>
"""


def _footer():
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    text = f"Written by tfapp {__version__} on Python {platform.python_version()}, {now}. Works offline."
    return f"<footer><p>{escape(text)}</p></footer>"
