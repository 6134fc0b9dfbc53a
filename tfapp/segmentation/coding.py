"""What the masks of a run meant when it was trained, compared with what they mean now, and with those of other runs."""

from dataclasses import dataclass

from tfapp.errors import InputError

# A list of hundreds of classes that all moved says no more than its first ones.
_SHOWN = 4


@dataclass(frozen=True)
class TrainingData:
    """What a run was trained on.

    Attributes:
        spec: What named it.
        content: Hash of the files.
        coding: `Dataset.coding` of then, or None of runs from before it was kept.
    """

    spec: str
    content: str
    coding: dict | None

    def is_same(self, other):
        """Return whether two are the same files, wherever they are, of the same coding where it was kept."""
        codings = self.coding, other.coding
        return self.content == other.content and (None in codings or codings[0] == codings[1])


def refuse_other_coding(run, dataset):
    """Refuse data whose masks, classes or channels mean something else than when the run was trained.

    Runs from before the coding was kept have the names of their classes alone; these are compared.

    Args:
        run: `Run`.
        dataset: Its `Dataset` as it is now.

    Raises:
        InputError: The coding changed; the sentence names what changed.
    """
    data, now = run.record["data"], dataset.coding
    then = data.get("coding")
    if then is None:
        then = {"classes": [[name, index] for index, name in enumerate(data["class_names"])]}
        now = {"classes": [[name, index] for index, name in enumerate(dataset.class_names)]}
    try:
        found = coding_changes(then, now)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise InputError(
            f"The record of {run.path} is damaged: its data have a `coding` that is none; restore run.json."
        ) from None
    if found:
        shown = "; ".join(found[:_SHOWN]) + (
            f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        )
        what = "classes.txt" if dataset.mask_coding is not None else "The classes"
        raise InputError(
            f"{what} of {dataset.spec} changed since the training of {run.path}: {shown}. Restore it, or train again "
            "with `overwrite`."
        )


def on_same_data(compared):
    """Return whether runs were trained on the same data: the same files, of the same coding where it was kept."""
    found = [run.trained_on for run in compared]
    # Not the first with each other one alone: it may have no coding, and be the same as two that differ.
    return all(one.is_same(other) for place, one in enumerate(found) for other in found[:place])


def coding_changes(then, now):
    """Return what differs between two codings as parts of a sentence, none if they mean the same.

    Args:
        then, now: Dictionaries as `Dataset.coding`; what the first has no entry for is not compared.

    Example:

    >>> coding_changes({"classes": [["sky", 0], ["car", 1]]}, {"classes": [["car", 0], ["sky", 1]]})
    ['value 0 was sky, now it is car', 'value 1 was car, now it is sky']
    """
    before, after = _meanings(then), _meanings(now if "ignored" in then else {"classes": now["classes"]})
    found = [
        f"{value} was {before.get(value, 'no class')}, now it is {after.get(value, 'no class')}"
        for value in dict.fromkeys([*before, *after])
        if before.get(value) != after.get(value)
    ]
    if found:
        return found
    order = [[name for name, _ in coding["classes"]] for coding in (then, now)]
    if order[0] != order[1]:
        return [f"the order of the classes was {', '.join(order[0])}, now it is {', '.join(order[1])}"]
    if "channels" in then and then["channels"] != now["channels"]:
        return [f"the images had {then['channels']} channel(s), now they have {now['channels']}"]
    return []


def _meanings(coding):
    """Return what each value or colour means: the name of its class, or no label."""
    meanings = {_named(value): "without a label" for value in coding.get("ignored", ())}
    return {**meanings, **{_named(value): name for name, value in coding["classes"]}}


def _named(value):
    if isinstance(value, (list, tuple)):
        return f"colour {','.join(map(str, value))}"
    return f"value {value}"
