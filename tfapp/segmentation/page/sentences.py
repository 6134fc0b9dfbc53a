"""Sentences that say what numbers and noises of runs mean."""

from tfapp.data import parse_mix
from tfapp.data.augmentation import HUE, parse_augmentation
from tfapp.report.markup import sentence_list


def key_results(comparison):
    """Return one to three sentences: under the strongest Gaussian noise, on clean images, how sure.

    Args:
        comparison: A `Comparison` of one or more titles.
    """
    strongest = _strongest_gaussian(comparison)
    sentences = []
    if strongest is not None:
        amount = next(iter(comparison.groups.values()))[0].rows[strongest].amount
        sentences.append(
            f"Under Gaussian noise of σ = {amount:g}, {_standing(comparison, strongest, 'keeps')}."
        )
    sentences.append(f"On clean images {_standing(comparison, 0, 'reaches')}.")
    doubt = _doubt(comparison, 0 if strongest is None else strongest)
    # What does not compare needs no word on seeds.
    return sentences + (comparison.on_other_images() or ([doubt] if doubt else []))


def _strongest_gaussian(comparison):
    rows = next(iter(comparison.groups.values()))[0].rows
    noisy = [(row.amount, i) for i, row in enumerate(rows) if row.kind == "gaussian" and row.amount > 0]
    return max(noisy)[1] if noisy else None


def _ranked(comparison, index):
    cells = [(title, comparison.cell(title, index, "mIoU")) for title in comparison.groups]
    return sorted(cells, key=lambda pair: -pair[1].mean)


def _standing(comparison, index, verb):
    (title, best), *others = _ranked(comparison, index)
    first = f"{title} {verb} {best:.1f} % mIoU"
    return sentence_list([first, *(f"{title} {cell:.1f} %" for title, cell in others)])


def _doubt(comparison, index):
    """Say how far the ranking can be trusted; None for a single title."""
    ranked = [cell for _, cell in _ranked(comparison, index)]
    if len(ranked) < 2:
        return None
    if min(cell.runs for cell in ranked) < 2:
        return "At least one of these numbers comes from a single training; with other seeds they may swap places."
    if ranked[0].mean - ranked[1].mean < max(ranked[0].spread, ranked[1].spread):
        return "The first two differ by less than the spread between seeds, so the ranking may be chance."
    return None


AMOUNTS = {
    "gaussian": "standard deviation σ, in units of the image's range from 0 to 1",
    "salt": "share of the pixels",
    "pepper": "share of the pixels",
    "salt-and-pepper": "share of the pixels",
    "blur": "standard deviation in pixels",
    "jpeg": "quality of the compression from 1 to 100, the smaller the worse",
    "brightness": "offset, in units of the image's range from 0 to 1",
}
_FORMS = {
    "gaussian": "Gaussian noise of σ = {0:g}",
    "salt": "salt on {1:g} % of the pixels",
    "pepper": "pepper on {1:g} % of the pixels",
    "salt-and-pepper": "salt and pepper on {1:g} % of the pixels",
    "blur": "a blur of σ = {0:g} pixels",
    "jpeg": "JPEG compression of quality {0:g}",
    "brightness": "a brightness changed by {0:+g}",
}


def in_words(noise):
    """Return a `Noise` of any amount but 0 as it follows "under" or "had"."""
    return _FORMS[noise.kind].format(noise.amount, 100 * noise.amount)


def amounts_in_words(kinds):
    """Return what the amounts of these kinds of corruption mean, as one sentence."""
    by_meaning = {}
    for kind in dict.fromkeys(kinds):
        by_meaning.setdefault(AMOUNTS[kind], []).append(kind)
    return f"Amounts: {'; '.join(f'{sentence_list(names)}: {meaning}' for meaning, names in by_meaning.items())}."


def training_noise_in_words(run):
    """Return which share of a run's training images had which noise, or None if they were clean."""
    # Runs from before this option have neither entry.
    text, share = (run.config.get(name) for name in ("train_noise", "noisy_share"))
    if text is None:
        return None
    part = "third" if abs(share - 1 / 3) < 1e-3 else f"{100 * share:.3g} %"
    *others, last = map(in_words, parse_mix(text))
    noises = f"{', '.join(others)} or {last}, one of them at random each" if others else last
    return f"a random {part} of the training images had {noises}"


_SYMMETRIES = {
    "none": [],
    "mirror": ["mirrored left to right"],
    "flips": ["flipped along both axes"],
    "dihedral": ["flipped and turned by quarters"],
}


def augmentation_in_words(run):
    """Return how a run's training images were changed at random, in words."""
    if "augment" not in run.config:
        return "not recorded"
    augmentation = parse_augmentation(run.config["augment"])
    found, colour = [*_SYMMETRIES[augmentation.symmetry]], augmentation.colour
    if augmentation.scale:
        found.append("scaled by {:g} to {:g}".format(*augmentation.scale))
    if augmentation.brightness:
        found.append(f"brightness changed by up to {augmentation.brightness:g}")
    if augmentation.contrast:
        found.append("contrast multiplied by {:g} to {:g}".format(*augmentation.contrast))
    if colour:
        found.append(f"saturation multiplied by {1 - colour:g} to {1 + colour:g}")
        found.append(f"hue turned by up to {HUE * colour:g} of its circle")
    return "; ".join(found) or "none"
