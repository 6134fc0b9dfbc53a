"""Corruptions of images in words."""

from tfapp.data import parse_noise
from tfapp.html_markup import sentence_list

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
    part = "third" if abs(share - 1 / 3) < 1e-3 else f"{100 * share:.0f} %"
    return f"a random {part} of the training images had {in_words(parse_noise(text))}"
