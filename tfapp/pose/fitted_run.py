"""Run folder of poses that were fitted without a network: by a model that was fused from depth, or by a known part."""

import re
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tfapp.claims import claiming
from tfapp.errors import InputError
from tfapp.pose.cad_file import CAD_ENTRIES, cad_entry, metric_mesh, unchanged_mesh
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.observations import check_shown, split_scenes
from tfapp.pose.refinement.alternation import RefinedModel
from tfapp.pose.refinement.beginnings import CadBeginning, ClusteringBeginning
from tfapp.pose.refinement.known_part import fit_of_known_part
from tfapp.pose.refinement.mesh_symmetries import surface_points
from tfapp.pose.refinement.refined_run import is_refined, keep_model, refine_run
from tfapp.pose.refinement.symmetry import symmetries_of_whole
from tfapp.pose.scenes.scene_folder import SceneFolder
from tfapp.pose.scenes_run import SCENES_ENTRIES, ScenesRun, refuse_image_options, scenes_content
from tfapp.pose.simulation.part_files import UNITS
from tfapp.records import Entries, Number, Optional, RowOf, Whole
from tfapp.runs.progress import SILENT
from tfapp.runs.record import FITTED

# Instances of a scene that `auto` looks for at most.
MOST_INSTANCES = 12
_LARGEST = 100
# Scenes that tell how far parts lie from the camera, about.
_LOOKED_AT = 20
_ENTRIES = Entries(
    SCENES_ENTRIES
    | {
        "config": Entries(
            {
                "instances": RowOf((Whole(1), Whole(1))),
                "observed": Whole(1),
                "seed": Whole(0),
                "held_out": Number(0),
                "cad": Optional(CAD_ENTRIES),
            }
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """The options of `tfapp pose fit`, under the same names.

    Attributes:
        instances: Parts in every scene: `N`, `auto`, or `LEAST-MOST`; None is what the scenes say.
        cad: Mesh file of the part; None where its shape is to be found.
        units: Of the mesh's coordinates: m, cm, mm or inch.
        foreground: What counts as a part, as for `SceneFolder`.
        object_id, camera_type: Of BOP datasets, as for `SceneFolder`.
        observed: Number of points that are drawn of each scene where it is evaluated.
        held_out: Share of the scenes that nothing is learned from; of a known part nothing is.
        seed: Of the split.
    """

    instances: str | None = None
    cad: Path | None = None
    units: str | None = None
    foreground: str | None = None
    object_id: int | None = None
    camera_type: str | None = None
    observed: int = 256
    held_out: float = 0.1
    seed: int = 0

    def check(self):
        """Raise InputError for what is out of range, or does not go together."""
        if self.cad is not None and self.units not in UNITS:
            raise InputError(f"`units` of the mesh must be one of {', '.join(UNITS)}; got {self.units}.")
        if self.cad is None and self.units is not None:
            raise InputError("`units` are those of a mesh; give it by `cad`, or leave them out.")
        if not (0 <= self.held_out < 1):
            raise InputError(f"`held_out` is a share from 0 to below 1; got {self.held_out}.")
        if self.seed < 0:
            raise InputError(f"`seed` must not be negative; got {self.seed}.")
        if self.observed < 1:
            raise InputError(f"`observed` must be at least 1; got {self.observed}.")
        instances_of(self.instances)


class FittedRun(ScenesRun):
    """Poses without a network: `run.json`, `refined/`, `figures/`."""

    kind = FITTED
    holds = "poses that were fitted without a network"
    entries = _ENTRIES
    model_file = "refined/model.npz"

    @property
    def weights(self):
        """The empty text: there is no network whose weights could change."""
        return ""

    @property
    def instances(self):
        """Fewest and most instances of a scene."""
        return tuple(self.config["instances"])

    @property
    def title(self):
        """What was fitted, for pictures."""
        return (
            f"poses of {said(self.instances)} in {Path(self.record['data']['path']).name}, without a network"
        )

    def load_model(self):
        """Raise InputError: there is no network."""
        raise InputError(f"{self.path} holds {self.holds}; use `tfapp pose train` for one.")

    def export(
        self, base_dir, version=None, *, post_tv=None, gap=False, classes=None, refined=None, **serving
    ):
        """Write the refined poses for TensorFlow Serving, and return the version folder.

        Args:
            base_dir, version, post_tv, gap, classes, serving: As of every run.
            refined: True or None; there is no network to serve.
        """
        from tfapp.pose.served.exporting import export_refined_run

        self.refuse_segmenter_options({"`post_tv`": post_tv is not None, "`gap`": gap, "`classes`": classes})
        refuse_image_options(serving)
        if refined is False:
            raise InputError(f"{self.path} has no network; leave `refined` out.")
        self.after_export = (f"tfapp pose evaluate {self.typed_path}",)
        return export_refined_run(self, base_dir, version)

    @cached_property
    def search(self):
        """What a search for the poses of its part begins with, as of `tfapp.pose.served.exporting`."""
        from tfapp.pose.served.exporting import Search

        folder = self.folder()
        some = range(0, len(folder), max(1, len(folder) // _LOOKED_AT))
        depths = np.concatenate([depth[depth > 0] for depth in map(folder.parts, some)])
        return Search(self.instances, float(np.median(depths)))

    def beginning(self):
        """Return where its poses begin, as of `tfapp.pose.refinement.beginnings`."""
        cad = self.config["cad"]
        if cad is None:
            return ClusteringBeginning(self.instances)
        unchanged_mesh(cad, self.path)
        return CadBeginning(self.instances, cad_model(cad["path"], cad["units"]))


@claiming("out")
def begin_fit(scenes, out, config, *, command="", overwrite=False):
    """Begin the run in `out`, or open it to be resumed; see `fit`."""
    config.check()
    folder = SceneFolder(
        scenes, config.foreground, object_id=config.object_id, camera_type=config.camera_type
    )
    instances = _instances(config, folder)
    cad = None
    if config.cad is not None:
        cad = cad_entry(config.cad, config.units)
        # Looked at before anything is written.
        cad_model(cad["path"], cad["units"])
    every = np.arange(len(folder))
    training, held_out = (
        split_scenes(len(folder), config.held_out, config.seed) if cad is None else (every[:0], every)
    )
    kept = {
        "instances": list(instances),
        "observed": config.observed,
        "seed": config.seed,
        "held_out": config.held_out,
        "cad": cad,
    }
    run = FittedRun.begun(out, overwrite)
    if run is not None:
        here, there = (Path(path).resolve() for path in (folder.path, run.record["data"]["path"]))
        run.refuse_other({"scenes": str(here)}, {"scenes": str(there)})
        # The same file with another mesh is told by what reads it, in a sentence of its own.
        run.refuse_other(_without_hash(kept), _without_hash(run.config))
        if cad is not None:
            unchanged_mesh(run.config["cad"], run.path)
        run.refuse_changed(folder)
        return run
    check_shown(folder, every)
    return FittedRun.create(out, command, config=kept, **scenes_content(folder, training, held_out))


def _without_hash(config):
    cad = config["cad"]
    return config | {"cad": cad and {name: cad[name] for name in ("path", "units")}}


def fit(
    scenes, out, config, options, *, command="", overwrite=False, progress=SILENT, watch=lambda row: None
):
    """Find the poses of scenes without a network, and where no CAD model is given the object model too.

    Args:
        scenes: Folder of scenes.
        out: Run folder; a killed fit there resumes.
        config: `FitConfig`.
        options: `tfapp.pose.refinement.refined_run.RefineOptions`.
        command: Command line to keep in `run.json`.
        overwrite: Start again, removing an existing run in `out`.
        progress: `Progress`.
        watch: As of `refine_run`.

    Returns:
        The `FittedRun` and its `RefinedModel`.

    Raises:
        InputError: For anything in the input that cannot be used; nothing is written then.
    """
    options.check()
    run = begin_fit(scenes, out, config, command=command, overwrite=overwrite)
    beginning = run.beginning()
    if run.config["cad"] is None:
        return run, refine_run(run, beginning, options, progress=progress, watch=watch)
    if not is_refined(run):
        observed, seed = run.config["observed"], run.config["seed"]
        fit = fit_of_known_part(beginning, run.folder(), observed, seed, progress)
        keep_model(run, beginning.model, fit=asdict(fit))
    return run, beginning.model


def cad_model(path, units):
    """Return the `RefinedModel` of a mesh file, in its frame, in metres.

    Raises:
        InputError: No mesh can be read, or it has no surface.
    """
    surface = CadSurface(*metric_mesh(path, units))
    extent = surface.extent
    if not 0.002 <= extent <= 1:
        raise InputError(
            f"{path} is {extent:.3g} m large in {units}; expected a part from 2 mm to 1 m: check `units`."
        )
    points = surface_points(surface)
    return RefinedModel(points, extent, symmetries=symmetries_of_whole(points, extent))


def instances_of(text):
    """Return the fewest and most instances that a text says: `N`, `auto` or `LEAST-MOST`; None for None.

    Raises:
        InputError: It says neither, or numbers below 1 or above 100.
    """
    if text is None:
        return None
    if text == "auto":
        return 1, MOST_INSTANCES
    found = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", str(text))
    least, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= least <= most <= _LARGEST:
        raise InputError(
            f"`instances` must be a number from 1 to {_LARGEST}, a range such as 1-12, or auto; got {text!r}."
        )
    return least, most


def said(instances):
    """Return a phrase for the fewest and most instances."""
    least, most = instances
    return str(most) if least == most else f"{least} to {most}"


def _instances(config, folder):
    asked, known = instances_of(config.instances), folder.instances
    if asked is None and known is None:
        raise InputError(
            f"{folder.path} does not say how many parts each scene has; give `instances` N, LEAST-MOST, or auto."
        )
    if asked is None:
        return known, known
    if known is not None and not asked[0] <= known <= asked[1]:
        raise InputError(
            f"{folder.path} has {known} parts in every scene, not `instances` {config.instances}."
        )
    return asked
