"""The result of the comparison in sentences, computed from the stored measures."""

from tfapp.html_markup import sentence_list


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
    return [*sentences, doubt] if doubt else sentences


def percent(cell):
    """Return a `Cell` of the comparison with one decimal, as `84.1 %` or `84.1 ± 0.6 %`."""
    spread = f" ± {cell.spread:.1f}" if cell.runs > 1 else ""
    return f"{cell.mean:.1f}{spread} %"


def _strongest_gaussian(comparison):
    rows = next(iter(comparison.groups.values()))[0].rows
    noisy = [(row.amount, i) for i, row in enumerate(rows) if row.kind == "gaussian" and row.amount > 0]
    return max(noisy)[1] if noisy else None


def _ranked(comparison, index):
    cells = [(title, comparison.cell(title, index, "mIoU")) for title in comparison.groups]
    return sorted(cells, key=lambda pair: -pair[1].mean)


def _standing(comparison, index, verb):
    (title, best), *others = _ranked(comparison, index)
    first = f"{title} {verb} {percent(best)} mIoU"
    return sentence_list([first, *(f"{title} {percent(cell)}" for title, cell in others)])


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
