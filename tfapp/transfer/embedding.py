"""Sharp, low-resolution and transferred features of the same images, laid out in the plane by t-SNE.

L. van der Maaten, G. Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from tfapp.archives import DAMAGED, open_arrays
from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.transfer.classifiers import unit_length
from tfapp.transfer.feature_names import HIGH, LOW, TRANSFERRED

EMBEDDING, EMBEDDED = "embedding.npz", (HIGH, LOW, TRANSFERRED)
SPLITS = ("train", "test")
PERPLEXITY, NEIGHBOURS, FEWEST = 30.0, 10, 4


@dataclass(frozen=True, eq=False)
class Embedding:
    """The same images in the plane, by each of the features in `EMBEDDED`.

    Attributes:
        points: {name: float32 (n, 2)}; distances have no unit.
        classes: int64 (n,), places in `class_names`.
        class_names: Names of the classes that are shown.
        images: int64 (n,), places of the images among those that the classifiers were tested on.
        agreements: {name: (agreement in the features, agreement in the plane)}, by `neighbour_agreement`.
        weights: `Run.weights` of the run whose transferred features these are; None where it was not stored.
    """

    points: dict
    classes: np.ndarray
    class_names: tuple
    images: np.ndarray
    agreements: dict
    weights: str | None = None


def embed_compared(
    compared,
    *,
    split="test",
    most_images=1000,
    most_classes=10,
    seed=0,
    perplexity=PERPLEXITY,
    progress=None,
):
    """Lay out images of `ComparedFeatures` by their sharp, low-resolution and transferred features.

    Args:
        compared: `ComparedFeatures`.
        split: `train` or `test`.
        most_images, most_classes: As `chosen_images`.
        seed: Of the choice and of t-SNE.
        perplexity: As `embed`.
        progress: Function of (name of the features, layouts done, layouts in all), or None.

    Returns:
        `Embedding`.

    Raises:
        InputError: An unknown split; as `chosen_images` and `embed`.
    """
    check_split(split)
    place = SPLITS.index(split)
    images, classes, names = chosen_images(
        compared.targets[place],
        compared.class_names,
        most_images=most_images,
        most_classes=most_classes,
        seed=seed,
    )
    points, agreements = {}, {}
    for done, name in enumerate(EMBEDDED, 1):
        features = compared.features[name][place][images]
        points[name] = embed(features, seed=seed, perplexity=perplexity)
        spaces = (unit_length(features), points[name])
        agreements[name] = tuple(neighbour_agreement(space, classes) for space in spaces)
        if progress:
            progress(name, done, len(EMBEDDED))
    return Embedding(points, classes, names, images, agreements)


def check_split(split):
    """Raise InputError for the name of no split."""
    if split not in SPLITS:
        raise InputError(f"Unknown `split` {split!r}; choose one of: {', '.join(SPLITS)}.")


def embed(features, *, seed=0, perplexity=PERPLEXITY):
    """Return the places that t-SNE gives to feature vectors, float32 (n, 2).

    Args:
        features: float (n, dimension), which are divided by their lengths, as classifiers see them.
        seed: Of the search; it starts from the first two principal components.
        perplexity: About how many neighbours count for an image; with few images a third of the others at most, as
            more leaves nothing that is far.

    Raises:
        InputError: Fewer than 4 vectors, fewer than 2 features, values that are not finite, or equal vectors.
    """
    features = np.asarray(features)
    if features.ndim != 2 or len(features) < FEWEST or features.shape[1] < 2:
        raise InputError(
            f"t-SNE needs at least {FEWEST} images with at least 2 features. Received: shape {features.shape}."
        )
    if not np.isfinite(features).all():
        raise InputError("t-SNE needs features that are finite; some are NaN or infinite.")
    directions = unit_length(features).astype(np.float32)
    # To the precision of float32: multiples of one vector differ in the last bits.
    if np.allclose(directions, directions[0], rtol=0, atol=1e-6):
        raise InputError(f"t-SNE needs features that differ; all {len(features)} images have the same.")
    search = TSNE(init="pca", perplexity=min(perplexity, (len(features) - 1) / 3), random_state=seed)
    # Threads wait for each other in every step; on a busy machine two took fifteen times as long as one.
    with threadpool_limits(1):
        return search.fit_transform(directions)


def neighbour_agreement(features, classes, k=NEIGHBOURS):
    """Return the share of the k nearest neighbours of an image that are of its class, as a mean over images.

    Args:
        features: float (n, dimension), n >= 2; neighbours are nearest by Euclidean distance.
        classes: Integers (n,).
        k: Number of neighbours, of n - 1 at most.

    Returns:
        Float from 0 to 1; `chance_agreement` is what it would be for features that know nothing of the classes.
    """
    classes = np.asarray(classes)
    search = NearestNeighbors(n_neighbors=min(k, len(classes) - 1)).fit(features)
    # Without an argument: of the fitted vectors, none of which is its own neighbour.
    neighbours = search.kneighbors(return_distance=False)
    return float(np.mean(classes[neighbours] == classes[:, None]))


def chance_agreement(classes):
    """Return the expected agreement of neighbours drawn at random, from 0 to 1, for integers (n,), n >= 2."""
    counts = np.bincount(classes)
    return float(counts @ (counts - 1) / (len(classes) * (len(classes) - 1)))


def chosen_images(targets, class_names, *, most_images=1000, most_classes=10, seed=0):
    """Choose images to show, as many of each class as far as it has them.

    Args:
        targets: int8 (n, classes): 1 the class is there, -1 it is not, 0 it does not count.
        class_names: One name per class.
        most_images: Limit of their number.
        most_classes: Limit of the number of classes; the most frequent ones are shown.
        seed: Of the draw.

    Returns:
        int64 (m,), places of images that show one class and nothing else, rising; int64 (m,), their classes as places
        in the names that follow; the names of the classes, in their own order.

    Raises:
        InputError: Fewer than 4 such images, or of fewer than two classes.
    """
    targets = np.asarray(targets)
    places = np.flatnonzero(((targets == 1).sum(1) == 1) & (targets != 0).all(1))
    labels = targets[places].argmax(1)
    counts = np.bincount(labels, minlength=len(class_names))
    shown = np.sort(np.argsort(-counts, kind="stable")[:most_classes])
    shown = shown[counts[shown] > 0]
    quota = most_images // max(len(shown), 1)
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(np.flatnonzero(labels == label))[:quota] for label in shown]
    chosen = np.sort(np.concatenate(drawn)) if drawn else np.empty(0, np.int64)
    if len(shown) < 2 or len(chosen) < FEWEST:
        raise InputError(
            f"t-SNE needs at least {FEWEST} test images that show one class alone, of at least two classes; "
            f"{len(places)} of the {len(targets)} images do, of which {len(chosen)} of {len(shown)} class(es) were "
            "chosen."
        )
    return (
        places[chosen],
        np.searchsorted(shown, labels[chosen]),
        tuple(class_names[label] for label in shown),
    )


def write_embedding(embedding, path):
    """Write an `Embedding` as an `.npz` file by write-then-rename."""
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            **embedding.points,
            classes=embedding.classes,
            class_names=np.array(embedding.class_names),
            images=embedding.images,
            agreements=np.array([embedding.agreements[name] for name in EMBEDDED]),
            weights=np.array(embedding.weights or ""),
        )


def _check(embedding):
    """Raise ValueError for arrays that do not belong together."""
    count, classes = len(embedding.classes), embedding.classes
    for name, points in embedding.points.items():
        if points.shape != (count, 2) or not np.isfinite(points).all():
            raise ValueError(f"the points {name} are not {count} finite ones of the plane")
    if not np.issubdtype(classes.dtype, np.integer) or len(embedding.images) != count:
        raise ValueError("it has not one class and one image for each point")
    if count and not (0 <= classes.min() and classes.max() < len(embedding.class_names)):
        raise ValueError("it has a point of a class without a name")


def read_embedding(path):
    """Return the `Embedding` that `write_embedding` wrote.

    Raises:
        InputError: The file is missing or damaged.
    """
    try:
        with open_arrays(path) as content:
            points = {name: content[name] for name in EMBEDDED}
            agreements = dict(zip(EMBEDDED, map(tuple, content["agreements"].tolist()), strict=True))
            names = tuple(content["class_names"].tolist())
            # Later than the first files.
            weights = str(content["weights"]) or None if "weights" in content else None
            found = Embedding(points, content["classes"], names, content["images"], agreements, weights)
            _check(found)
            return found
    except DAMAGED as error:
        raise InputError(
            f"{path} is missing or damaged ({error}); run `tfapp transfer tsne` again."
        ) from None
