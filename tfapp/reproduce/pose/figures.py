"""Studies `pose-figure-4.3` to `pose-figure-4.9`: pictures of Wu (2020), from runs that the tables share."""

from dataclasses import dataclass
from typing import Annotated

from tfapp.reproduce.pose.objects import TITLES, chosen_objects
from tfapp.reproduce.pose.printed import OBJECTS, SOURCE
from tfapp.reproduce.pose.studies import (
    SCALES,
    Epochs,
    Meshes,
    Network,
    Out,
    Parts,
    Protocol,
    ScaleName,
    Scenes,
    Tilt,
)
from tfapp.reproduce.study import Option, Result, Study, files_of

_CAD = "part"
_RADII = {
    "exponent-2.0": "r = 2",
    "exponent-2.9": "r = 2.9",
    "exponent-3.14": "r = 3.14",
    "no-removal": "no removal",
}
_LAID = "Learned models are laid onto the part, and those of a row are at one scale."
_HELD_OUT = (
    "A scene that was held out of each object, by one channel; the text shows scenes that were trained on."
)


@dataclass(frozen=True)
class PoseFigure:
    """A figure.

    Attributes:
        number: As it is printed.
        heading: What it shows.
        remark: What to know of it.
        parts: Names of the objects.
        instances: Numbers N of instances.
        variants: From names of `VARIANTS` to titles.
        beside_part: Whether the part itself is the first column.
        views: Of each model, names of `VIEWS`.
        scenes: Whether it shows segmented scenes in place of models.
    """

    number: str
    heading: str
    remark: str
    parts: tuple
    instances: tuple
    variants: dict
    beside_part: bool = False
    views: tuple = ("oblique",)
    scenes: bool = False

    @property
    def name(self):
        return f"pose-figure-{self.number}"


FIGURES = (
    PoseFigure(
        "4.3",
        "Learned models beside the part, N = 1",
        _LAID,
        OBJECTS,
        (1,),
        {"one-channel": "one channel", "softmin-to-10": "two channels, softmin"},
        beside_part=True,
    ),
    *(
        PoseFigure(
            number,
            f"Instance segmentation, N = {count}",
            _HELD_OUT,
            OBJECTS,
            (count,),
            {"one-channel": "one channel"},
            scenes=True,
        )
        for number, count in (("4.4", 2), ("4.5", 3), ("4.6", 4))
    ),
    PoseFigure(
        "4.7",
        "Learned models by representation of rotations",
        _LAID,
        ("nut",),
        (1, 2),
        {"axis-angle": "axis-angle", "ortho6d": "ortho6D", "one-channel": "quaternion"},
        views=("broad side", "oblique"),
    ),
    PoseFigure(
        "4.8",
        "Learned models by radius of the hidden-point removal, two channels, minimum",
        _LAID,
        ("bolt",),
        (1, 2),
        {f"min-{name}": title for name, title in _RADII.items()},
        views=("broad side", "end"),
    ),
    PoseFigure(
        "4.9",
        "Learned models by rotation channels",
        _LAID,
        ("bolt",),
        (1, 2, 3, 4),
        {"one-channel": "one channel", "softmin-to-10": "two, softmin", "min": "two, minimum"},
    ),
)


def study_of(figure):
    """Return the `Study` of a `PoseFigure`."""

    def make(
        out: Out,
        scale: ScaleName = "small",
        parts: Parts = None,
        seed: Annotated[int, Option(help="Seed of training.", min=0)] = 0,
        tilt: Tilt = 0.0,
        epochs: Epochs = None,
        scenes: Scenes = None,
        meshes: Meshes = None,
        protocol: Protocol = None,
        network: Network = None,
        *,
        progress,
        command,
    ):
        from tfapp.report.figures import save_png
        from tfapp.reproduce.pose.runs import Cell, Runs
        from tfapp.reproduce.pose.variants import VARIANTS

        names, left_out = chosen_objects(figure.parts, parts, meshes)
        given = {"epochs": epochs, "scenes": scenes, "protocol": protocol, "network": network}
        runs = Runs.of(out, scale, **given, tilt=tilt, meshes=meshes, progress=progress)
        cells = [
            Cell(part, count, VARIANTS[variant], seed)
            for part in names
            for count in figure.instances
            for variant in figure.variants
        ]
        runs.prepare(cells)
        trained = [
            (cell, runs.trained(cell, f"{number} of {len(cells)}: ")) for number, cell in enumerate(cells, 1)
        ]
        [written] = files_of(out, figure.name, ".png")
        drawn = _scenes if figure.scenes else _models
        save_png(drawn(figure, trained), written)
        return Result([*left_out, figure.remark], [written])

    heading = f"Figure {figure.number}, {figure.heading}"
    help_text = f"{heading}: after {SOURCE}.\n\n{figure.remark}"
    return Study(figure.name, figure.heading, SOURCE, (figure.remark,), SCALES, make, help=help_text)


def _models(figure, trained):
    """Return the figure of models, of pairs of a `Cell` and its `PoseRun`."""
    from tfapp.pose.evaluate import register
    from tfapp.pose.evaluation.cad_surface import CadSurface
    from tfapp.pose.predictions import learned_points
    from tfapp.reproduce.pose.pictures import ShownModel, draw_models

    panels, rows = {}, {}
    for cell, run in trained:
        folder, (points, visible) = run.folder(), learned_points(run.load_model())
        surface = CadSurface(*folder.object_mesh())
        laid = register((points, visible), folder).apply(points[visible])
        row = cell.part, cell.instances
        rows[row] = TITLES[cell.part] if len(figure.instances) == 1 else f"N = {cell.instances}"
        panels[row, cell.variant.name] = ShownModel(surface, laid)
        panels[row, _CAD] = ShownModel(surface)
    if len({part for part, _ in rows}) > 1 and len(figure.instances) > 1:
        rows = {row: f"{TITLES[row[0]]}, N = {row[1]}" for row in rows}
    columns = ({_CAD: "part"} if figure.beside_part else {}) | figure.variants
    return draw_models(panels, rows, columns, figure.heading, figure.views)


def _scenes(figure, trained):
    """Return the figure of one scene of each run, of pairs of a `Cell` and its `PoseRun`."""
    from tfapp.pose.observations import observe
    from tfapp.pose.predictor import predictor
    from tfapp.pose.scene_comparison import segment_scenes
    from tfapp.reproduce.pose.pictures import draw_segmentations

    shown = {}
    for cell, run in trained:
        folder, splits = run.folder(), run.splits
        numbers = splits["held-out"] if len(splits["held-out"]) else splits["training"]
        config = run.config
        observations = observe(folder, config["observed"], indices=numbers[:1], seed=config["seed"])
        poses = predictor(run, refined=False).poses(folder, observations)
        [shown[TITLES[cell.part]]] = segment_scenes(folder, observations, poses)
    return draw_segmentations(shown, figure.heading)


STUDIES = tuple(map(study_of, FIGURES))
