"""How well a part whose surface is known explains scenes: a mesh of another size or another part does not."""

from dataclasses import dataclass

import numpy as np

from tfapp.pose.observations import observe
from tfapp.pose.refinement.evidence import noise_of
from tfapp.pose.refinement.placed_scenes import refined_poses
from tfapp.pose.refinement.refined_run import kept_record
from tfapp.runs.progress import SILENT

# Scenes that are looked at, spread over all.
SCENES = 12
# In the median instance no more should be left than this share of the part's extent, or than the noise where that is
# more. Right parts left .0013 to .0018, bolts and brackets of 1.2 times the size .018 to .03, of .4 times .09.
LARGEST_SHARE = 0.015
# Of the side that faces the camera so much should have been measured: 6 % of a bolt of ten times its size was.
LEAST_SHOWN = 0.3


@dataclass(frozen=True)
class KnownPartFit:
    """What the poses of a known part leave open.

    Attributes:
        residual: Median over the instances, metres; None if none was found.
        shown: Median share of the side facing the camera that was measured; None if none was found.
        noise: Median over the scenes, metres, as of `noise_of`.
        scenes: Number of scenes that were looked at.
    """

    residual: float | None
    shown: float | None
    noise: float
    scenes: int

    def doubt(self, extent):
        """Return what speaks against the part, of this largest extent in metres, as a clause, or None."""
        if self.residual is None:
            return f"no instance was found in {self.scenes} scenes"
        limit = max(LARGEST_SHARE * extent, self.noise)
        if self.residual > limit:
            return f"{1000 * self.residual:.2f} mm are left of the median instance, more than {1000 * limit:.2f} mm"
        if self.shown < LEAST_SHOWN:
            side = "of the side that faces the camera was measured of the median instance"
            return f"only {self.shown:.0%} {side}, less than {LEAST_SHOWN:.0%}"
        return None


def fit_of_known_part(beginning, folder, observed, seed, progress=SILENT):
    """Place a known part in some scenes, and return the `KnownPartFit`.

    Args:
        beginning: `CadBeginning`.
        folder: `SceneFolder`.
        observed: Points that are observed of each scene.
        seed: Of these.
        progress: `Progress`.
    """
    numbers = np.unique(np.linspace(0, len(folder) - 1, SCENES).round().astype(int))
    observations = observe(folder, observed, indices=numbers, seed=seed)
    with progress.task("looking whether the mesh fits", len(numbers)) as task:
        poses = refined_poses(beginning, beginning.model, folder, observations, task)
    residuals, shown = (
        np.concatenate([getattr(one, name) for one in poses]) for name in ("residual", "shown")
    )
    noise = float(np.median([noise_of(folder.parts(int(number))) for number in numbers]))
    medians = (float(np.median(found)) if len(found) else None for found in (residuals, shown))
    return KnownPartFit(*medians, noise, len(numbers))


def known_part_fit(run):
    """Return the `KnownPartFit` of a run; None for a model that was fused from scenes, and of earlier versions."""
    return _fit_in(kept_record(run))


def doubtful(run):
    """Return a sentence where the mesh of a known part hardly fits the scenes, or None.

    It need not be wrong: of parts that others hide, or that are measured badly, much is left too.
    """
    record = kept_record(run)
    fit = _fit_in(record)
    doubt = None if fit is None else fit.doubt(record["extent"])
    if doubt is None:
        return None
    cad = run.config["cad"]
    return (
        f"{cad['path']} in {cad['units']} may not be the part of these scenes: {doubt}. Check that it is this part, "
        "and its `units`; parts that hide one another and noise have this effect too."
    )


def _fit_in(record):
    fit = record.get("fit")
    return None if fit is None else KnownPartFit(**fit)
