"""The HTML around the sections of a page: one file that asks no other machine for anything."""

from html import escape

from tfapp.report.advice import footer
from tfapp.report.style import SCRIPT, STYLE


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
    body = "\n".join(part.html() for part in sections)
    # Scripts last, so that text and pictures show before megabytes of JavaScript are read.
    scripts = "\n".join(f"<script>{script}</script>" for script in (library, SCRIPT) if script)
    without = "" if no_script is None else f'<noscript><p class="note">{escape(no_script)}</p></noscript>\n'
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
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
{footer()}
{scripts}
</body>
</html>
"""
