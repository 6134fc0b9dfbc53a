"""How many clusters sharp features have, by the stability of k-means: whether two halves of the images agree on it."""

import hashlib

import numpy as np
from sklearn.metrics import adjusted_rand_score, pairwise_distances_argmin

from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.records import Entries, ListOf, Number, Text, Whole, read_record
from tfapp.report.result_table import ResultTable, mean_and_spread
from tfapp.transfer.network import k_means_centroids

STABILITY, FIGURE = "stability.json", "stability.png"
COUNTS, REPEATS = (5, 8, 12, 20, 50, 100, 200), 5
SOURCE = (
    "T. Lange, V. Roth, M. L. Braun, J. M. Buhmann, Stability-Based Validation of Clustering Solutions, Neural "
    "Computation 16(6), 2004"
)
STABILITY_ENTRIES = Entries(
    {
        "features": Text(),
        "images": Whole(1),
        "repeats": Whole(1),
        "seed": Whole(0),
        "clusters": ListOf(Entries({"count": Whole(2), "agreements": ListOf(Number(-1, 1))})),
    }
)


def agreement_of_halves(features, clusters, *, seed, number):
    """Return how far two clusterings agree that know other halves of the images: 1 wholly, 0 as by chance.

    K-means finds centroids on each half; all images go to the nearest of each, and the adjusted Rand index (L. Hubert,
    P. Arabie, 1985) compares both. After Lange et al. (2004), who transfer a clustering of one half to the other by a
    classifier: here the nearest centroid is one, and the index takes out what chance gives.

    Args:
        features: float32 (n, dimension).
        clusters: Their number k, at most n / 2.
        seed, number: Of the halves and the starts.
    """
    rng = np.random.default_rng([seed, number, 0x57AB])
    order = rng.permutation(len(features))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    starts = rng.integers(2**31, size=2).tolist()
    labels = [
        pairwise_distances_argmin(features, k_means_centroids(features[half], clusters, seed=start))
        for half, start in zip(halves, starts, strict=True)
    ]
    return float(adjusted_rand_score(*labels))


def measure_stability(features, counts, file, *, repeats, seed, progress=None):
    """Measure the stability of several numbers of clusters, and return the content of `stability.json`.

    Args:
        features: float32 (n, dimension), of sharp images.
        counts: Numbers of clusters, each from 2 to n / 2.
        file: `Path` of `stability.json`, written after each number; what it has of the same features is taken.
        repeats: Pairs of halves.
        seed: Of the halves.
        progress: Function of (pairs done, pairs in all, text), or None.

    Raises:
        InputError: Numbers out of range, or more clusters than features of a half that differ.
    """
    if repeats < 1:
        raise InputError(f"`repeats` must be at least 1; got {repeats}.")
    _check(counts, len(features))
    content = _begun(file, features, repeats, seed)
    measured = {one["count"]: one["agreements"] for one in content["clusters"]}
    total, report = len(counts) * repeats, progress or (lambda done, total, text: None)
    for place, count in enumerate(counts):
        if count not in measured:
            found = []
            for number in range(repeats):
                report(place * repeats + number, total, f"{count} clusters")
                found.append(agreement_of_halves(features, count, seed=seed, number=number))
            measured[count] = found
        content["clusters"] = [{"count": one, "agreements": measured[one]} for one in sorted(measured)]
        write_json(file, content)
    report(total, total, "")
    return content


def _check(counts, images):
    most = images // 2
    wrong = next((count for count in counts if not 2 <= count <= most), None)
    if wrong is not None or not counts:
        raise InputError(
            f"`clusters` must be from 2 to {most}, half of the {images} training images; got {wrong}."
        )


def _begun(file, features, repeats, seed):
    """Return the content of a file if it is of the same features, and one without clusters otherwise."""
    digest = hashlib.sha256(np.ascontiguousarray(features)).hexdigest()
    fresh = {"features": digest, "images": len(features), "repeats": repeats, "seed": seed, "clusters": []}
    if not file.is_file():
        return fresh
    stored = read_record(file, STABILITY_ENTRIES, "remove it and run the same command again.")
    same = all(stored[name] == value for name, value in fresh.items() if name != "clusters")
    return stored if same else fresh


def stability_table(content) -> ResultTable:
    """Return the table of the content of `stability.json`."""
    rows = [
        [one["count"], mean_and_spread(one["agreements"], ".3f"), f"{content['images'] / one['count']:.0f}"]
        for one in content["clusters"]
    ]
    return ResultTable(["clusters", "agreement of halves", "images of each"], rows)


def stability_remark(content):
    """Return what the numbers are, and which number of clusters is the most stable one, in words."""
    best = max(content["clusters"], key=lambda one: np.mean(one["agreements"]))
    return (
        f"Adjusted Rand index of k-means on two halves of {content['images']} sharp images, {content['repeats']} pairs "
        f"of halves: 1 wholly the same, 0 as by chance. {best['count']} clusters are the most stable ones. After "
        f"{SOURCE}."
    )


def save_stability_png(content, path) -> None:
    """Draw the agreement of halves against the number of clusters.

    Args:
        content: Of `stability.json`.
        path: PNG file, written by write-then-rename.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    from tfapp.report.figures import save_png

    figure = Figure(figsize=(6, 3.8), layout="constrained")
    panel = figure.subplots()
    counts = [one["count"] for one in content["clusters"]]
    values = [one["agreements"] for one in content["clusters"]]
    for count, of_count in zip(counts, values, strict=True):
        panel.plot([count] * len(of_count), of_count, "o", color="#0072B2", ms=3.5, alpha=0.45)
    panel.plot(counts, [np.mean(of_count) for of_count in values], color="#0072B2", lw=1.5)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(FixedLocator(counts))
    panel.xaxis.set_major_formatter(FixedFormatter([str(count) for count in counts]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set(xlabel="clusters k", ylabel="agreement of halves\n(adjusted Rand index)", ylim=(0, 1.02))
    panel.grid(alpha=0.3)
    save_png(figure, path)
