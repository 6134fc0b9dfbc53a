"""A page with the learned model turning in 3D and scenes coloured by instance: one file that works offline."""

import json
from collections.abc import Mapping, Sequence
from html import escape

from plotly.offline import get_plotlyjs

from tfapp.files import write_text
from tfapp.pose.pictures.page_figures import model_figures, scene_figures
from tfapp.pose.pictures.page_style import SCRIPT, STYLE
from tfapp.pose.pictures.scene_pictures import SegmentedScene
from tfapp.report.page import html_page

_LEAD = "A model of the part and the poses of its instances, learned from depth images alone."
_NO_SCRIPT = "The figures of this page need JavaScript."
_HOW = "Drag to turn. Figures side by side turn together."
_SCENES = "Observed points, coloured by the instance that each was said to belong to."
_TRUTH = " Colours are matched to the truth."
_MODELS = " The legend switches on the learned model in its predicted poses."


def save_page(
    path,
    title,
    points,
    scenes: Sequence[SegmentedScene] = (),
    *,
    visible=None,
    cad=None,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write a page of about 5 MB that asks no other machine for anything.

    Args:
        path: HTML file, written by write-then-rename.
        title: Heading.
        points: (m, 3), learned model, metres.
        scenes: To choose from, in this order; with or without truth and posed models.
        visible: bool (m,), points of the model that were visible in some scene; None for all.
        cad: (`Registration`, vertices (v, 3) in metres, triangles (t, 3)), to show the CAD model beside; None without.
        facts: Short texts by their names, shown as boxes, such as {"F1, held-out scenes": "0.957"}.

    Raises:
        InputError: Points of another shape or not finite, or none visible; nothing is written then.
    """
    parts = [_facts(facts or {}), _model_section(model_figures(points, visible, cad), cad)]
    if scenes:
        parts.append(_scene_section(scenes))
    page = html_page(
        title,
        _LEAD,
        "\n".join(parts),
        style=STYLE,
        scripts=(get_plotlyjs(), SCRIPT),
        no_script=_NO_SCRIPT,
        lead_class="soft",
    )
    write_text(path, page)


def _model_section(figures, cad):
    mirrored = cad is not None and cad[0].reflected
    captions = ("learned model, mirrored onto the part" if mirrored else "learned model", "CAD model")
    plots, data = "", ""
    for number, (figure, caption) in enumerate(zip(figures, captions, strict=False)):
        plots += _plot("model", caption, f"model-{number}")
        data += _json(f"model-{number}", figure.to_json())
    button = '<div class="bar"><button type="button" id="turn" hidden>Turn</button></div>'
    return _section(
        "Object model", f'<p class="soft">{_HOW}</p>{button}<div class="pair">{plots}</div>{data}'
    )


def _scene_section(scenes):
    choices = "".join(
        f'<button type="button" data-scene="{number}" aria-pressed="false">{escape(_name(scene, number))}</button>'
        for number, scene in enumerate(scenes)
    )
    true = any(scene.truth is not None for scene in scenes)
    plots = _plot("scene", "") * (1 + true)
    data = "".join(_json(f"scene-{number}", _scene_json(scene)) for number, scene in enumerate(scenes))
    posed = any(scene.clouds is not None for scene in scenes)
    text = _SCENES + _TRUTH * true + _MODELS * posed
    return _section(
        "Scenes",
        f'<p class="soft">{text}</p><div class="bar">{choices}</div><div class="pair">{plots}</div>{data}',
    )


def _scene_json(scene):
    """Return a JSON list of the predicted and the true figure, each with its caption, or of the predicted alone."""
    captions = (
        "predicted instances" if scene.f1 is None else f"predicted instances, F1 {scene.f1:.3f}",
        "truth",
    )
    figures = [figure for figure in scene_figures(scene) if figure is not None]
    return json.dumps(
        [
            json.loads(figure.to_json()) | {"caption": caption}
            for figure, caption in zip(figures, captions, strict=False)
        ]
    )


def _name(scene, number):
    return scene.name or f"scene {number + 1}"


def _plot(group, caption, name=""):
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>"
        f'<div class="plot" data-group="{group}" data-figure="{name}"></div></figure>'
    )


def _json(name, content):
    # "</script>" within a name would end the element; JSON knows the same letter by its number.
    return f'<script type="application/json" id="{name}">{content.replace("<", chr(92) + "u003c")}</script>'


def _section(heading, body):
    return f"<section><h2>{escape(heading)}</h2>{body}</section>"


def _facts(facts):
    boxes = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items()
    )
    return f'<dl class="facts">{boxes}</dl>' if boxes else ""
