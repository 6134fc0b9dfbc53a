"""A page with the learned model turning in 3D and scenes coloured by instance: one file that works offline."""

import json
from collections.abc import Mapping, Sequence
from html import escape

from plotly.offline import get_plotlyjs

from tfapp.files import write_text
from tfapp.pose.pictures.page_figures import model_figures, scene_figures
from tfapp.pose.pictures.page_style import SCRIPT, STYLE
from tfapp.pose.pictures.scene_pictures import SegmentedScene
from tfapp.report.markup import Section, figure, grid, json_script, paragraph, table
from tfapp.report.markup import facts as facts_list
from tfapp.report.page import shell
from tfapp.report.result_table import ResultTable

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
    tables: Sequence[ResultTable] = (),
    remarks: Sequence[str] = (),
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
        tables: Below the boxes.
        remarks: Sentences below the tables.

    Raises:
        InputError: Points of another shape or not finite, or none visible; nothing is written then.
    """
    sections = [_model_section(model_figures(points, visible, cad), cad)]
    if facts:
        body = facts_list(facts)
        body += "".join(table(one.header, one.rows, one.title) for one in tables)
        body += "".join(map(paragraph, remarks))
        sections.insert(0, Section("result", "Result", "The result in short", body))
    if scenes:
        sections.append(_scene_section(scenes))
    page = shell(title, _LEAD, sections, get_plotlyjs(), _NO_SCRIPT, style=STYLE, script=SCRIPT)
    write_text(path, page)


def _model_section(figures, cad):
    mirrored = cad is not None and cad[0].reflected
    captions = ("learned model, mirrored onto the part" if mirrored else "learned model", "CAD model")
    plots, data = [], ""
    for number, (drawing, caption) in enumerate(zip(figures, captions, strict=False)):
        plots.append(_plot("model", caption, f"model-{number}"))
        data += json_script(drawing.to_json(), "id", f"model-{number}")
    button = '<div class="bar"><button type="button" id="turn" hidden>Turn</button></div>'
    body = paragraph(_HOW) + button + grid(plots, "pair") + data
    return Section("model", "Object model", "Object model", body)


def _scene_section(scenes):
    choices = "".join(
        f'<button type="button" data-scene="{number}" aria-pressed="false">{escape(_name(scene, number))}</button>'
        for number, scene in enumerate(scenes)
    )
    true = any(scene.truth is not None for scene in scenes)
    posed = any(scene.clouds is not None for scene in scenes)
    data = "".join(
        json_script(_scene_json(scene), "id", f"scene-{number}") for number, scene in enumerate(scenes)
    )
    text = paragraph(_SCENES + _TRUTH * true + _MODELS * posed)
    plots = grid([_plot("scene", "")] * (1 + true), "pair")
    return Section("scenes", "Scenes", "Scenes", f'{text}<div class="bar">{choices}</div>{plots}{data}')


def _scene_json(scene):
    """Return a JSON list of the predicted and the true figure, each with its caption, or of the predicted alone."""
    captions = (
        "predicted instances" if scene.f1 is None else f"predicted instances, F1 {scene.f1:.3f}",
        "truth",
    )
    figures = [drawing for drawing in scene_figures(scene) if drawing is not None]
    return json.dumps(
        [
            json.loads(drawing.to_json()) | {"caption": caption}
            for drawing, caption in zip(figures, captions, strict=False)
        ]
    )


def _name(scene, number):
    return scene.name or f"scene {number + 1}"


def _plot(group, caption, name=""):
    """Return the place of a figure; its script finds it by the group, and what to draw there by the name."""
    return figure(f'<div class="plot" data-group="{group}" data-figure="{name}"></div>', caption, "card")
