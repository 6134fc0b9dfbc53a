"""The HTML around a page of ours: one file that asks no other machine for anything."""

import platform
from datetime import datetime
from html import escape

from tfapp import __version__


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
