"""Tables 4.2 and B.1 to B.7 of Wu (2020): what each compares, on which objects, and with which variants."""

from dataclasses import dataclass

from tfapp.reproduce.pose.printed import OBJECTS, PRINTED

CLUSTERINGS = {"K-means": "K-means", "SC": "spectral clustering"}
SCORES = ("F1", "P", "R")


@dataclass(frozen=True)
class Setting:
    """What a table compares.

    Attributes:
        key: In `PRINTED`.
        title: For the table.
        variant: Name of its `Variant`.
        by_part: From objects to names of other variants.
        alike: Names of variants that are the same but for what a small scale asks for.
    """

    key: str
    title: str
    variant: str
    by_part: tuple = ()
    alike: tuple = ()

    def variant_of(self, part):
        return dict(self.by_part).get(part, self.variant)


@dataclass(frozen=True)
class PoseTable:
    """A table.

    Attributes:
        number: As it is printed, in small letters.
        heading: What it shows.
        instances: From objects to their numbers N of instances.
        settings: `Setting`s.
        measures: Some of CD, F1, P and R.
        by_object: Whether it has all objects and their mean, beside clusterings.
    """

    number: str
    heading: str
    instances: dict
    settings: tuple
    measures: tuple
    by_object: bool = False

    @property
    def name(self):
        return f"pose-table-{self.number}"

    def instances_of(self, part):
        """Return the numbers of instances of an object, also of one that the printed table does not have."""
        own = self.instances.get(part)
        return own or tuple(sorted({count for counts in self.instances.values() for count in counts}))

    def setting_of(self, part, variant):
        """Return the `Setting` that a variant is of an object, or None."""
        own = (one for one in self.settings if variant in (one.variant_of(part), *one.alike))
        return next(own, None)

    def printed(self, part, instances, key):
        """Return the printed numbers by measure, empty where the table has none."""
        return PRINTED[self.number].get((part, instances, key), {})


def _two_channels(name):
    return (("bolt", f"min-{name}"),)


_V1 = Setting("v1", "one channel (v1)", "one-channel")
_V2 = Setting("v2", "two channels, softmin (v2)", "softmin-to-10", alike=("softmin",))
_V3 = Setting("v3", "two channels, minimum (v3)", "min")
_SEGMENTED = dict.fromkeys(OBJECTS, (2, 3, 4))
_NUT, _BOTH = {"nut": (1, 2)}, {"nut": (1, 2), "bolt": (1, 2)}
_ALL = ("CD", *SCORES)
_SHARES = {500: 0.1, 1000: 0.2, 2000: 0.4, 3000: 0.6}

TABLES = {
    table.name: table
    for table in (
        PoseTable(
            "4.2", "Instance segmentation by object: F1", _SEGMENTED, (_V1, _V2), ("F1",), by_object=True
        ),
        PoseTable(
            "b.1",
            "Instance segmentation by object: F1, precision and recall",
            _SEGMENTED,
            (_V1, _V2),
            SCORES,
            by_object=True,
        ),
        PoseTable("b.2", "Rotation channels", {"bolt": (1, 2, 3, 4)}, (_V1, _V2, _V3), _ALL),
        PoseTable(
            "b.3",
            "Radius of the hidden-point removal",
            _BOTH,
            (
                *(
                    Setting(f"r={r:g}", f"r = {r:g}", f"exponent-{r}", _two_channels(f"exponent-{r}"))
                    for r in (2.0, 2.9, 3.14)
                ),
                Setting("none", "no removal", "no-removal", _two_channels("no-removal")),
            ),
            _ALL,
        ),
        PoseTable(
            "b.4",
            "Representations of rotations",
            _NUT,
            (
                Setting("quaternion", "quaternion", "one-channel"),
                Setting("ortho6d", "ortho6D", "ortho6d"),
                Setting("axis-angle", "axis-angle", "axis-angle"),
            ),
            _ALL,
        ),
        PoseTable(
            "b.5",
            "Points of the object model",
            _NUT,
            (
                Setting("m=512", "m = 512 (half)", "half-points"),
                Setting("m=1024", "m = 1024 (default)", "one-channel"),
                Setting("m=2048", "m = 2048 (twice)", "double-points"),
            ),
            _ALL,
        ),
        PoseTable(
            "b.6",
            "Side of the cube that the object model begins in",
            _NUT,
            (
                Setting("ρ=0.1", "ρ = 0.1", "rho-0.1"),
                Setting("ρ=0.25", "ρ = 0.25", "rho-0.25"),
                Setting("ρ=0.5", "ρ = 0.5 (default)", "one-channel"),
                Setting("ρ=1", "ρ = 1", "rho-1.0"),
            ),
            _ALL,
        ),
        PoseTable(
            "b.7",
            "Scenes that are learned from",
            {"nut": (1, 2, 3, 4), "bolt": (1, 2)},
            (
                *(
                    Setting(
                        f"M={count}",
                        f"M = {count} ({share:.0%})",
                        f"scenes-{share}",
                        _two_channels(f"scenes-{share}"),
                    )
                    for count, share in _SHARES.items()
                ),
                Setting("M=5000", "M = 5000 (all)", "one-channel", (("bolt", "min"),)),
            ),
            _ALL,
        ),
    )
}
