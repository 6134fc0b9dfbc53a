"""What an evaluation found out, as tables, as sentences and as the content of `metrics.json`."""

from dataclasses import asdict, dataclass, field

import numpy as np

from tfapp.pose.evaluation.baselines import SPECTRAL, Clusterings
from tfapp.pose.evaluation.reference_models import INTERIOR
from tfapp.pose.evaluation.registration import Registration
from tfapp.report.result_table import ResultTable

_LABELS = ("scenes", "F1", "precision", "recall", "Chamfer mm")
_MODELS = ("points", "to part, median", "to part, mean", "part to them, median", "part to them, mean")
# Other minima that a sentence tells.
_TOLD = 3
# Radians from which on the best frame is another one than the registered.
_OTHER = np.radians(20)
# Rows of the table of poses: their names in `metrics.json`, factors and formats.
_POSES = {
    "rotation, median °": ("rotation_median", 180 / np.pi, ".1f"),
    "rotation, mean °": ("rotation_mean", 180 / np.pi, ".1f"),
    "translation, median mm": ("translation_median", 1000, ".2f"),
    "translation, mean mm": ("translation_mean", 1000, ".2f"),
    "share within 5° and 5 mm": ("within_5_degrees_5_mm", 1, ".3f"),
    "share within 10° and 5 mm": ("within_10_degrees_5_mm", 1, ".3f"),
    "average recall, MSSD": ("mssd_recall", 1, ".3f"),
    "average recall, MSPD": ("mspd_recall", 1, ".3f"),
    "instances found, precision": ("instance_precision", 1, ".3f"),
    "instances found, recall": ("instance_recall", 1, ".3f"),
    "precision of the surest 50 %": ("precision_at_50", 1, ".3f"),
    "precision of the surest 80 %": ("precision_at_80", 1, ".3f"),
    "confidence, AUROC": ("confidence_auroc", 1, ".3f"),
}


@dataclass(frozen=True)
class SplitResults:
    """Means over some scenes.

    Attributes:
        scenes: Number of scenes.
        distance: Chamfer distance in metres.
        scores: From "ours", the names of the clusterings, and `SPECTRAL` for the better spectral one, to precision,
            recall and F1 of all pixels of the parts; empty without true labels.
        poses: As `PoseJudge.judge` returns it; None without true poses.
        poses_in_best_frame: The same in the frame that fits the true poses of the training scenes best, or of held-out
            ones where nothing was trained.
        outside: Share of the pixels that belong to no part, such as those of walls, or that lie between two surfaces
            at an edge; the scores leave them out.
    """

    scenes: int
    distance: float
    scores: dict
    poses: dict | None
    poses_in_best_frame: dict | None = None
    outside: float = 0.0

    def to_json(self):
        return {name: value for name, value in asdict(self).items() if name != "outside" or value}


@dataclass(frozen=True)
class PoseEvaluation:
    """What was found out of a run.

    Attributes:
        choose: Which alternative counted, as of `predict_poses`.
        splits: From the names of splits of the scenes, such as `held-out`, to their `SplitResults`.
        registration: Of the learned model to the part; None without a known mesh.
        written: Paths of the files.
        refined: Whether the refined model told the poses.
        references: As `register_references` returns them.
        clusterings: `Clusterings` that were compared with; None for none.
        best_frame: By how much the best constant frame differs, as `PoseJudge.difference`; None without true poses.
        symmetries: Phrase for those that were found from the mesh, None where the scenes name them.
    """

    choose: str
    splits: dict[str, SplitResults]
    registration: Registration | None
    written: tuple
    refined: bool = False
    references: dict[str, Registration] = field(default_factory=dict)
    clusterings: Clusterings | None = None
    best_frame: dict | None = None
    symmetries: str | None = None

    def to_json(self):
        """Return the content of `metrics.json`."""
        parts = {name: one.to_json() for name, one in self.splits.items()}
        content = {
            "choose": self.choose,
            **({"refined": True} if self.refined else {}),
            # Metrics of earlier versions, which do not say it, are of some pixels.
            "pixels": "all",
            "parts": parts,
        }
        if self.registration is not None:
            content["model"] = {
                "reflected": bool(self.registration.reflected),
                **_distances(self.registration),
                **_others(self.registration),
                "references": {name: _distances(one) for name, one in self.references.items()},
            }
            if self.best_frame is not None:
                content["model"]["best_frame"] = self.best_frame
            if self.symmetries is not None:
                content["model"]["found_symmetries"] = self.symmetries
        if self.clusterings is not None:
            content["clusterings"] = {
                SPECTRAL: self.clusterings.better,
                "rbf_width": self.clusterings.width,
                "searched": [
                    {"rbf_width": width, "f1": f1} for width, f1 in self.clusterings.searched.items()
                ],
            }
        return content

    def table(self) -> ResultTable:
        """Return a row for each split of the scenes and each method; none without true labels."""
        rows = []
        for split, result in self.splits.items():
            for method, scores in result.scores.items():
                if method == SPECTRAL:
                    continue
                distance = f"{1000 * result.distance:.2f}" if method == "ours" else "-"
                cells = [f"{scores[name]:.3f}" for name in ("f1", "precision", "recall")]
                rows.append([f"{split}, {method}", *cells, distance])
        return ResultTable(_LABELS, rows, "Instances, on all pixels of the parts")

    def tables(self) -> list[ResultTable]:
        """Return the tables of instances, of poses and of the model, as far as anything is known of them."""
        return [table for table in (self.table(), self._poses(), self._models()) if table.rows]

    def _poses(self):
        columns = {}
        for split, result in self.splits.items():
            if result.poses is not None:
                columns[split] = result.poses
            if self._frame_matters and result.poses_in_best_frame is not None:
                columns[f"{split}, best frame"] = result.poses_in_best_frame
        rows = [
            [title, *(_number(poses[name], factor, form) for poses in columns.values())]
            for title, (name, factor, form) in _POSES.items()
            if all(name in poses for poses in columns.values())
        ]
        return ResultTable(["poses", *columns], rows if columns else [], "Poses, against the true ones")

    def _models(self):
        models = {} if self.registration is None else {"learned model": self.registration} | self.references
        rows = []
        for name, one in models.items():
            sides = (one.learned_to_cad.median, one.learned_to_cad.mean)
            sides += (one.cad_to_learned.median, one.cad_to_learned.mean)
            rows.append([name, *(f"{1000 * side:.2f}" for side in sides)])
        return ResultTable(_MODELS, rows, "Distances between model and part, mm")

    @property
    def _frame_matters(self):
        """Whether errors in the registered frame may be those of the frame."""
        if self.best_frame is None:
            return False
        turned = self.best_frame["rotation"]
        return bool(self.registration.as_near) or turned is None or turned > _OTHER

    def remarks(self):
        """Return sentences: distances that stand in no table, and what the tables must be read with."""
        sentences = []
        if not self.table().rows:
            for split, result in self.splits.items():
                distance = f"{1000 * result.distance:.2f} mm"
                sentences.append(f"{split}: {result.scenes} scenes, Chamfer distance {distance}")
        for split, result in self.splits.items():
            if result.outside:
                sentences.append(
                    f"{split}: {100 * result.outside:.1f} % of the points belong to no part, and count in no score"
                )
        if self.registration is not None:
            sentences += self._model_remarks()
        if self.clusterings is not None:
            sentences.append(_clusterings_remark(self.clusterings, self._fitted_to))
        return sentences

    def _model_remarks(self):
        sentences = []
        if self.symmetries is not None:
            sentences.append(
                f"Symmetries of the part, found from its mesh as none are named: {self.symmetries}."
            )
        if self.registration.reflected:
            sentences.append("The mirror image of the part was learned.")
        inside = self.references.get(INTERIOR)
        if self.references and inside is None:
            sentences.append(
                "The mesh of the part is not closed: no points can be drawn inside it to compare with."
            )
        if inside is not None and self.registration.learned_to_cad.median >= inside.learned_to_cad.median:
            sentences.append(f"The learned model is no nearer to the part than {INTERIOR}.")
        if self.registration.others is not None:
            sentences.append(_registration_remark(self.registration))
        if self._frame_matters:
            sentences.append(_frame_remark(self.best_frame, self._fitted_to))
        return sentences

    @property
    def _fitted_to(self):
        """Split whose truth chose the clusterings and the best frame: runs of a known part have no training scenes."""
        return "training" if "training" in self.splits else next(iter(self.splits))


def _distances(registration):
    sides = {name: getattr(registration, name) for name in ("learned_to_cad", "cad_to_learned")}
    return {name: asdict(side) for name, side in sides.items()}


def _others(registration):
    """Return the other minima of a registration for `metrics.json`; {} if they were not looked for."""
    if registration.others is None:
        return {}
    minima = [
        {
            "reflected": bool(one.reflected),
            **_distances(one),
            "margin": one.distance / registration.distance - 1,
            "rotation": one.angle,
            "translation": one.length,
            "as_near": bool(one.as_near),
        }
        for one in registration.others
    ]
    return {"ambiguous": bool(registration.as_near), "other_minima": minima}


def _number(value, factor, form):
    return "-" if value is None else f"{factor * value:{form}}"


def _registration_remark(registration):
    distance = f"{1000 * registration.distance:.2f} mm"
    if not registration.others:
        return "The learned model comes to rest at one place on the part alone."
    as_near = registration.as_near
    if not as_near:
        second = registration.others[0]
        return (
            f"The second-best place of the learned model on the part, {_said(second)}, is farther: both mean distances "
            f"add up to {1000 * second.distance:.2f} mm instead of {distance}, that from model to part is "
            f"{1000 * second.learned_to_cad.mean:.2f} mm instead of {1000 * registration.learned_to_cad.mean:.2f} mm."
        )
    told = as_near if len(as_near) <= _TOLD + 1 else as_near[:_TOLD]
    places = ", or ".join(_said(one, registration) for one in told)
    if len(told) < len(as_near):
        places += f", or at {len(as_near) - len(told)} more places"
    return (
        f"The registration is ambiguous: the learned model lies as near to the part {places}; both mean distances add "
        f"up to {distance} at the best place."
    )


def _frame_remark(difference, fitted_to):
    return (
        "A wrong frame turns all poses alike, and their errors then say little. The best frame fits the true poses of "
        f"the {fitted_to} scenes best, whatever the shapes: in it all poses are {_moved(**difference)} against the "
        "registered one, and their errors stand beside."
    )


def _said(minimum, best=None):
    """Return where another minimum is, and how much farther if the best one is given."""
    words = _moved(minimum.angle, minimum.length)
    return words if best is None else f"{words} ({100 * (minimum.distance / best.distance - 1):+.1f} %)"


def _moved(rotation, translation):
    turned = "mirrored" if rotation is None else f"turned by {np.degrees(rotation):.0f}°"
    return f"{turned} and moved by {1000 * translation:.1f} mm"


def _clusterings_remark(clusterings, fitted_to):
    return (
        f"Clusterings are at their best: the width of the rbf, {1000 * clusterings.width:.2g} mm, is the one of "
        f"{len(clusterings.searched)} with the best F1 by the true labels of {fitted_to} scenes; {SPECTRAL!r} of "
        f"metrics.json is {clusterings.better!r}, the better one there."
    )
