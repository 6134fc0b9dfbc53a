"""Check of a whole dataset by value: every image and mask read once, what is there, and what may be wrong."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tfapp.data.dataset import Dataset
from tfapp.data.framing import choose_framing, small_image_remark
from tfapp.data.image_facts import remarks_on
from tfapp.data.multi_label import ABSENT, PRESENT, MultiLabelSet
from tfapp.data.pictures import look_at, pictures_of
from tfapp.data.read_ahead import read_ahead, threads_for
from tfapp.errors import InputError

NOTE, WARNING, REFUSAL = "note", "warning", "refused"
# Examples that a finding names; the rest is a number.
_NAMED = 4
# An image that nowhere is brighter than that uses less than a fifth of the range.
_DARK = 0.2
# The stride of the usual network, U-Net with four poolings.
_STRIDE = 16


@dataclass(frozen=True)
class Finding:
    """Something that a person should know: `NOTE`, `WARNING` or `REFUSAL`, a sentence, and images that show it."""

    kind: str
    text: str
    pictures: tuple[str, ...] = ()


@dataclass
class DataReport:
    """What a check found.

    Attributes:
        spec: The dataset.
        facts: Texts by name, such as sizes and formats.
        header, classes: Table of the classes; without rows for image pairs.
        findings: `Finding`s.
        extremes: Names of the smallest, largest, darkest and brightest image, by what they are.
        pictures: `Picture`s by name.
    """

    spec: str
    facts: dict = field(default_factory=dict)
    header: tuple = ()
    classes: list = field(default_factory=list)
    findings: list = field(default_factory=list)
    extremes: dict = field(default_factory=dict)
    pictures: dict = field(default_factory=dict)

    def add(self, kind, text, names=()):
        """Add a finding with its first examples."""
        self.findings.append(Finding(kind, text, tuple(names)[:_NAMED]))

    def of_kind(self, kind):
        """Return the findings of a kind."""
        return [finding for finding in self.findings if finding.kind == kind]


def check_data(data, advance=lambda: None):
    """Read a whole dataset and return the `DataReport` of it.

    Args:
        data: `Dataset`, `ClassificationSet` or `MultiLabelSet`.
        advance: Called after each image.
    """
    report = DataReport(data.spec)
    # Pictures in both splits are told by what they show, whatever their files.
    for remark in remarks_on(data, splits=False):
        report.add(WARNING if remark.doubt else NOTE, remark.text)
    pictures = pictures_of(data)
    report.pictures = {picture.name: picture for picture in pictures}
    seen = _Seen(data)
    # How large labelled images are is not known before they are read.
    threads = threads_for(data.largest) if isinstance(data, Dataset) else 1
    looks = read_ahead(partial(look_at, data), pictures, threads)
    for picture, look in zip(pictures, looks, strict=True):
        seen.add(picture, look)
        if look.refusal is not None:
            report.add(REFUSAL, look.refusal, [picture.name])
        advance()
    seen.tell(report)
    if isinstance(data, Dataset):
        _tell_masks(report, data, seen)
        _tell_frames(report, data)
    else:
        _tell_labels(report, data)
    return report


class _Seen:
    """What the images looked at so far are."""

    def __init__(self, data):
        self.data = data
        self.sizes, self.channels, self.formats, self.turned = Counter(), Counter(), Counter(), []
        self.second_formats = Counter()
        self.flat, self.dark, self.same = [], [], defaultdict(list)
        self.lowest, self.highest, self.areas, self.means = np.inf, -np.inf, {}, {}
        classes = data.num_classes if isinstance(data, Dataset) else 0
        self.pixels, self.images = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
        self.unlabelled, self.empty, self.total = 0, [], 0

    def add(self, picture, look):
        """Count what a `Look` at a picture found, of one that was refused as far as it came."""
        if look.form is not None:
            self.formats[look.form] += 1
        if look.turned:
            self.turned.append(picture.name)
        self.second_formats.update(look.second_forms)
        if look.size is not None:
            self._add_values(picture, look)
        if look.counts is not None:
            self.pixels += look.counts
            self.images += look.counts > 0
            self.unlabelled += look.unlabelled
            labelled = int(look.counts.sum())
            self.total += labelled + look.unlabelled
            if not labelled:
                self.empty.append(picture.name)

    def _add_values(self, picture, look):
        height, width = look.size
        self.sizes[f"{width}x{height}"] += 1
        self.channels[look.channels] += 1
        self.lowest, self.highest = min(self.lowest, look.lowest), max(self.highest, look.highest)
        self.areas[picture.name], self.means[picture.name] = height * width, look.mean
        if look.lowest == look.highest:
            self.flat.append(picture.name)
        elif look.highest < _DARK:
            self.dark.append(picture.name)
        self.same[look.digest].append(picture)

    def tell(self, report):
        count = sum(self.sizes.values())
        report.facts["images"] = str(len(report.pictures))
        if not count:
            return
        report.facts["width x height"] = _most(self.sizes)
        report.facts["channels"] = _most(self.channels)
        if self.formats:
            report.facts["formats"] = _most(self.formats)
            report.facts["turned by EXIF"] = str(len(self.turned))
        if self.second_formats:
            report.facts["formats of masks or pairs"] = _most(self.second_formats)
        report.facts["values"] = f"{self.lowest:.3g} to {self.highest:.3g} of 0 to 1"
        report.extremes = {
            "smallest": min(self.areas, key=self.areas.get),
            "largest": max(self.areas, key=self.areas.get),
            "darkest": min(self.means, key=self.means.get),
            "brightest": max(self.means, key=self.means.get),
        }
        if self.turned:
            report.add(
                NOTE,
                f"{len(self.turned)} image(s) have an orientation in EXIF, which is applied: {_named(self.turned)}.",
                self.turned,
            )
        if self.flat:
            report.add(
                WARNING,
                f"{len(self.flat)} image(s) are of one value throughout: {_named(self.flat)}.",
                self.flat,
            )
        if self.dark:
            report.add(
                WARNING,
                f"{len(self.dark)} image(s) nowhere exceed {_DARK:g} of the range 0 to 1: {_named(self.dark)}. If "
                "their files hold fewer bits than their format, scale them.",
                self.dark,
            )
        self._tell_same(report)

    def _tell_same(self, report):
        across = [found for found in self.same.values() if len({picture.split for picture in found}) > 1]
        # Pages of one file are kept together by a random split, and may well be alike.
        within = [
            found
            for found in self.same.values()
            if len({picture.split for picture in found}) == 1
            and len({picture.group for picture in found}) > 1
        ]
        unsplit = [found for found in within if not found[0].split]
        for found, kind, what in (
            (across, WARNING, "occur in two splits, so a test on them tells too much"),
            (unsplit, WARNING, "occur several times, so a random split may train on a test image"),
            ([one for one in within if one[0].split], NOTE, "occur several times in one split"),
        ):
            if found:
                pairs = ", ".join(" = ".join(p.name for p in one[:3]) for one in found[:_NAMED])
                more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
                report.add(
                    kind, f"{len(found)} picture(s) {what}: {pairs}{more}.", [p.name for p in found[0]]
                )


def _tell_masks(report, data, seen):
    if data.image_pairs:
        return
    labelled = max(int(seen.pixels.sum()), 1)
    report.header = ("class", "index", "pixels", "share", "images")
    report.classes = [
        (name, index, int(pixels), f"{100 * pixels / labelled:.2f} %", int(images))
        for index, (name, pixels, images) in enumerate(
            zip(data.class_names, seen.pixels, seen.images, strict=True)
        )
    ]
    report.facts["values of masks"] = _coding_text(data.coding)
    if data.mask_coding is not None and data.mask_coding.colours:
        report.facts["masks count by"] = "their colours"
    report.facts["pixels without a label"] = f"{100 * seen.unlabelled / max(seen.total, 1):.2f} %"
    missing = [name for name, pixels in zip(data.class_names, seen.pixels, strict=True) if not pixels]
    # A folder of a person's own says it as it is opened.
    if missing and data.mask_coding is None and seen.total:
        report.add(WARNING, f"No mask has a pixel of {_named(missing)}.")
    if seen.empty:
        report.add(
            WARNING, f"{len(seen.empty)} mask(s) have no label at all: {_named(seen.empty)}.", seen.empty
        )


def _tell_frames(report, data):
    try:
        remark = small_image_remark(data, _STRIDE, choose_framing(data, _STRIDE))
    except InputError as error:
        report.add(WARNING, str(error), [min(data.items, key=lambda item: min(item.size)).name])
        return
    if remark:
        report.add(WARNING, remark, [min(data.items, key=lambda item: min(item.size)).name])


def _tell_labels(report, data):
    train, test = data.class_counts()
    report.header = ("class", "index", "training", "testing")
    rows = zip(data.class_names, range(data.num_classes), train.tolist(), test.tolist(), strict=True)
    report.classes = list(rows)
    for split, counts in (("training", train), ("testing", test)):
        missing = [name for name, count in zip(data.class_names, counts, strict=True) if not count]
        if missing:
            report.add(WARNING, f"No image for {split} shows {_named(missing)}.")
    for split, images in zip(("training", "testing"), data.splits, strict=True):
        always = _shown_by_all(data, images)
        if always:
            report.add(
                WARNING,
                f"Every image for {split} shows {_named(always)}, so that nothing tells who has it from who has not: "
                "`tfapp transfer evaluate` refuses such a class.",
            )


def _shown_by_all(data, images):
    """Return the names of the classes that no image of a split is said to lack."""
    if not isinstance(data, MultiLabelSet):
        return []
    lacked = (images.targets == ABSENT).any(0)
    shown = (images.targets == PRESENT).any(0)
    return [name for name, one in zip(data.class_names, shown & ~lacked, strict=True) if one]


def _coding_text(coding):
    shown = [
        f"{','.join(map(str, value)) if isinstance(value, list) else value} = {name}"
        for name, value in coding["classes"]
    ]
    ignored = [",".join(map(str, v)) if isinstance(v, list) else str(v) for v in coding["ignored"]]
    return "; ".join([*shown, *(f"{value} = no label" for value in ignored)])


def _most(counts, most=5):
    shown = ", ".join(f"{name} ({count})" for name, count in counts.most_common(most))
    return shown + (f" and {len(counts) - most} more" if len(counts) > most else "")


def _named(names):
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
