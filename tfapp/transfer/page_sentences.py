"""Sentences that say what the measures of a transfer network mean."""

from tfapp.report.result_table import mean_and_spread
from tfapp.transfer.feature_names import HIGH, LOW, TRANSFERRED, UNTRAINED

# In points of average precision: less is no difference.
_LEAST = 0.05


def result_sentences(metrics) -> list[str]:
    """Return sentences: whether transferred features beat LR, what low resolution costs, and what training adds.

    Args:
        metrics: Content of `metrics.json`.
    """
    # Rounded as they are written, so that a reader's own subtraction agrees.
    means = {one["name"]: round(100 * one["mean"][metrics["ap"]], 1) for one in metrics["features"]}
    sentences = [_cost(means)]
    if TRANSFERRED in means:
        sentences = [_gain(means), *sentences, _classes(metrics)]
    if {TRANSFERRED, UNTRAINED} <= means.keys():
        sentences.append(_training(means))
    titles = {one["name"]: one["title"] for one in metrics["features"]}
    for name in titles:
        if name not in (HIGH, LOW, TRANSFERRED, UNTRAINED):
            compared = _difference(means[name] - means[TRANSFERRED])
            sentences.append(f"Beside it, {titles[name]}: {means[name]:.1f} %, {compared} ours.")
    return sentences


def _gain(means):
    ours, low, high = means[TRANSFERRED], means[LOW], means[HIGH]
    gain, against = ours - low, f"mean AP {ours:.1f} % against {low:.1f} %"
    if abs(gain) < _LEAST:
        return f"Transferred features are as good as those of low-resolution images: {against}."
    if gain < 0:
        return (
            f"Transferred features are worse than those of low-resolution images: {against}, a loss of "
            f"{-gain:.1f} points. As trained here, the transfer does harm; use the features as they are."
        )
    better = "Transferred features are better than those of low-resolution images"
    text = f"{better}: {against}, a gain of {gain:.1f} points"
    if high - low < _LEAST:
        return f"{text}."
    return f"{text}, or {100 * gain / (high - low):.0f} % of what low resolution costs."


def _cost(means):
    cost = means[HIGH] - means[LOW]
    if cost < _LEAST:
        return (
            f"Sharp images are no better than low-resolution ones here ({means[HIGH]:.1f} % against "
            f"{means[LOW]:.1f} %), so there is nothing for a transfer to win back."
        )
    return f"Low resolution costs {cost:.1f} points: sharp images have {means[HIGH]:.1f} %."


def _classes(metrics):
    values = {one["name"]: one["average_precision"][metrics["ap"]] for one in metrics["features"]}
    gains = [ours - low for ours, low in zip(values[TRANSFERRED], values[LOW], strict=True)]
    better, worse = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    return f"Of {len(gains)} classes {better} gain by the transfer and {worse} lose."


def _training(means):
    ours, plain, low = means[TRANSFERRED], means[UNTRAINED], means[LOW]
    by_shape = f"The same network without any training has {plain:.1f} %, {_difference(plain - low)} LR"
    if abs(ours - plain) < _LEAST:
        return f"{by_shape}: training it made no difference."
    if ours < plain:
        return f"{by_shape}: training it took {plain - ours:.1f} points away."
    return f"{by_shape}: training it added {ours - plain:.1f} points."


def _difference(points):
    if abs(points) < _LEAST:
        return "as good as"
    return f"{abs(points):.1f} points {'above' if points > 0 else 'below'}"


def grid_sentence(grid) -> str:
    """Return a sentence on the best cell of a grid against LR, from the content of `grid.json`."""
    cells = {}
    for cell in grid["cells"]:
        cells.setdefault((cell["hidden"], cell["clusters"]), []).append(100 * cell["mean"][grid["ap"]])
    means = {place: sum(values) / len(values) for place, values in cells.items()}
    (hidden, clusters), best = max(means.items(), key=lambda item: item[1])
    above = sum(mean > 100 * grid["low"] for mean in means.values())
    chosen = (
        "it was picked by the training images that were held out"
        if grid.get("validation_share")
        else "it was picked by these same test images, so expect less of it on new ones"
    )
    return (
        f"{above} of {len(means)} sizes are better than LR ({100 * grid['low']:.1f} %). The best has N1 = {hidden}, "
        f"N2 = {clusters}: {mean_and_spread(cells[hidden, clusters], '.1f')} %; {chosen}."
    )


def percent(share) -> str:
    """Return a share from 0 to 1 in percent, without the sign."""
    return f"{100 * share:.1f}"
