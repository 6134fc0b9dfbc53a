"""Sharpness of a solution: how much the loss can rise within a small box around it, and its file."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from tfapp.claims import claimed_file, claiming
from tfapp.errors import InputError
from tfapp.files import write_json
from tfapp.landscape.batch_size import warn_of_batch_size
from tfapp.landscape.directions.random_directions import check_seed
from tfapp.landscape.fingerprint import (
    LOSS_CODE,
    code_hashes,
    hash_data,
    hash_loss,
    hash_model,
    hash_weights,
)
from tfapp.landscape.flatness.boxes import COLUMNS
from tfapp.landscape.flatness.derivatives import as_batches, loss_at_solution, prepare
from tfapp.landscape.flatness.sharpness_search import LU_TONG, Neighbourhood, Sharpness, Trial
from tfapp.landscape.flatness.spectrum import check_count
from tfapp.records import read_json

BOXES = ("keskar", "filter", LU_TONG)
_FORMAT = 1
# As a share: what two graphs of one loss differ by is far less.
_SAME_LOSS = 1e-3


@claiming("path", claimed_file)
def sharpness(
    model: keras.Model,
    x,
    y=None,
    sample_weight=None,
    *,
    eps: Sequence[float] = (1e-3, 5e-4),
    subspace: int | None = None,
    columns: str = "gaussian",
    box: str = "keskar",
    repeats: int = 5,
    iterations: int = 10,
    seed: int = 0,
    batch_size: int | None = None,
    regularisation: bool = False,
    path: str | os.PathLike | None = None,
    progress: Callable[[int, int], None] | None = None,
    overwrite: bool = False,
) -> list[Sharpness]:
    """Measure the sharpness of a compiled Keras model, as a lower bound.

    The model is not changed; layers run in inference mode. Every trial begins at a random point of the box,
    because at a solution itself the gradient may be 0.

    Args:
        model: compiled and built Keras model.
        x: samples as for `model.evaluate`, a dataset, or `Batches`.
        y, sample_weight: targets and weights, or None.
        eps: sizes of the box, > 0.
        subspace: its dimension p, 1 <= p <= n (the papers' is 100), or None for all n weights.
        columns: length of the columns of A in a subspace, see `RandomSubspace`. The papers do not give it, and
            values of different lengths cannot be compared.
        box: `"keskar"`, |z_i| <= eps (|x_i| + 1), with the rise of the loss in percent of 1 + f(x), as Keskar et al.
            have it; `"lu-tong"`, |z_i| <= eps |x_i|, with the rise as a multiple of f(x), as Lu and Tong do, whose eps
            are 0.1 and 0.2, and 0.01 and 0.02; or `"filter"`, whose vertices move every filter by eps times its norm
            and which, unlike the papers', is indifferent to rescaling, with the rise in percent of 1 + f(x). The last
            only without a subspace.
        repeats: number of trials, >= 1.
        iterations: of each climb, >= 1; the papers' is 10.
        seed: integer >= 0.
        batch_size: samples per pass of arrays, >= 1; None: 8, and a warning if the loss depends on it.
        regularisation: count weight decay and all else in `model.losses` too; without it f is the data loss.
        path: file (.json) to which every trial is added, and from which the same call resumes; or None.
        progress: called as `progress(done, total)` in evaluations, of which the total is nominal.
        overwrite: do the trials of this setting again even if `path` has them.

    Returns:
        One `Sharpness` per entry of `eps`, in that order.

    Raises:
        InputError: an argument out of range, a model that is not compiled or not built, a loss at the solution that
            is not finite, is <= -1, or for `"lu-tong"` <= 0, or a `path` that belongs to another solution.
    """
    sizes = _checked_sizes(eps)
    check_seed(seed)
    _check(box=(box, BOXES), columns=(columns, COLUMNS))
    check_count(repeats=repeats, iterations=iterations)
    batches = as_batches(x, y, sample_weight, batch_size)
    n = prepare(model, batches)
    _check_subspace(subspace, box, n)
    warn_of_batch_size(model, batches, regularisation=regularisation)
    search = {
        "box": box,
        "subspace": subspace,
        "columns": None if subspace is None else columns,
        "iterations": iterations,
        "seed": int(seed),
        "regularisation": regularisation,
    }
    settings = {
        "data": hash_data(*batches.content),
        "samples": batches.num_samples,
        "batch_size": batches.batch_size,
        **search,
    }
    file = SharpnessFile(path, model, overwrite)
    entry = file.entry("sharpness", settings, overwrite)
    file.check_earlier(entry, lambda: loss_at_solution(model, batches, regularisation=regularisation))
    _measure(file, entry, lambda: Neighbourhood(model, batches, **search), sizes, repeats, progress)
    return [
        Sharpness(size, entry["loss"], tuple(map(Trial.from_json, _trials(entry, size)[:repeats])), box)
        for size in sizes
    ]


def _measure(file, entry, neighbourhood, sizes, repeats, progress):
    """Add the trials that are missing to the file."""
    todo = [(r, size) for r in range(repeats) for size in sizes if len(_trials(entry, size)) <= r]
    if not todo:
        return
    around = neighbourhood()
    entry["loss"] = around.loss
    for done, (repeat, size) in enumerate(todo):

        def count(evaluations, done=done):
            if progress is not None:
                within = min(evaluations, around.evaluations)
                progress(done * around.evaluations + within, len(todo) * around.evaluations)

        _trials(entry, size).append(asdict(around.trial(size, repeat, count)))
        file.save()
        count(around.evaluations)


def _trials(entry, size):
    """Return the list of stored trials of one size, to be added to."""
    return entry.setdefault("trials", {}).setdefault(repr(size), [])


def _checked_sizes(eps):
    sizes = [float(size) for size in np.atleast_1d(eps)]
    if not sizes or not all(np.isfinite(size) and size > 0 for size in sizes) or len(set(sizes)) < len(sizes):
        raise InputError(f"`eps` must be one or more different positive numbers. Received: eps={eps}.")
    return sizes


def _check(**choices):
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            raise InputError(f"`{name}` must be one of {allowed}. Received: {name}={value!r}.")


def _check_subspace(subspace, box, n):
    if subspace is None:
        return
    if not 1 <= subspace <= n:
        raise InputError(
            f"`subspace` must be an integer from 1 to {n}, the number of trainable parameters, or None. Received: "
            f"subspace={subspace}."
        )
    if box == "filter":
        raise InputError(
            f"A random subspace has no filters. Received: box={box!r} with subspace={subspace}; leave one of "
            "them out."
        )


# Content: `solution` (hashes of weights, architecture and loss); `sharpness` and `hessian`, lists of entries
# that begin with their `settings`. It is written whole after every trial, so a killed run loses one.


class SharpnessFile:
    """The file, or the memory of one call if there is no path.

    Args:
        path: JSON file, which need not exist yet, or None.
        model: the solution.
        overwrite: begin again if the file belongs to another solution.

    Raises:
        InputError: the file cannot be read, or belongs to another solution and `overwrite` is False.
    """

    def __init__(self, path: str | os.PathLike | None, model: keras.Model, overwrite: bool = False):
        self.path = None if path is None else Path(path)
        solution = {"weights": hash_weights(model), "model": hash_model(model), "loss": hash_loss(model)}
        if self.path is not None:
            solution |= code_hashes(model, metrics=False)
        self._content, self._untold = {"format": _FORMAT, "solution": solution}, False
        if self.path is not None and self.path.is_file():
            stored = _read(self.path)
            known = stored["solution"]
            # Files of earlier versions do not tell the code; they are taken as they are.
            changed = [name for name, value in solution.items() if known.get(name, value) != value]
            self._untold = not changed and LOSS_CODE not in known
            stored["solution"] = known | solution
            if not changed:
                self._content = stored
            elif not overwrite:
                raise InputError(
                    f"{self.path} belongs to another solution; changed: {', '.join(changed)}. Choose another path, "
                    "or start again with `overwrite`."
                )

    def entry(self, kind: str, settings: dict, overwrite: bool = False) -> dict:
        """Return the entry of some settings, new and without results if there is none, to be filled.

        Args:
            kind: `sharpness` or `hessian`.
            settings: in types that JSON knows.
            overwrite: forget the results that the entry has.
        """
        entries = self._content.setdefault(kind, [])
        found = next((entry for entry in entries if entry["settings"] == settings), None)
        if found is None:
            entries.append(found := {"settings": settings})
        elif overwrite:
            found.clear()
            found["settings"] = settings
        return found

    def check_earlier(self, entry: dict, loss: Callable[[], float]) -> None:
        """Refuse an entry of a file that does not tell the code of the loss, if the loss is another one now.

        Args:
            entry: what `entry` returned.
            loss: returns the loss at the solution.

        Raises:
            InputError: the losses differ.
        """
        if not self._untold or "loss" not in entry:
            return
        now = loss()
        if not abs(now - entry["loss"]) <= _SAME_LOSS * max(abs(now), 1e-6):
            raise InputError(
                f"{self.path} belongs to another solution; its loss is {entry['loss']:.6g}, and it is {now:.6g} now. "
                "Choose another path, or start again with `overwrite`."
            )

    def save(self) -> None:
        """Write the file by write-then-rename, if there is one."""
        if self.path is not None:
            write_json(self.path, self._content)


def _is_entry(value):
    return isinstance(value, dict) and isinstance(value.get("settings"), dict)


def _read(path):
    try:
        content = read_json(path)
        if content["format"] != _FORMAT or not isinstance(content["solution"], dict):
            raise ValueError("another format")
        lists = (value for name, value in content.items() if name not in ("format", "solution"))
        if not all(isinstance(value, list) and all(map(_is_entry, value)) for value in lists):
            raise ValueError("a measurement without its settings")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not a sharpness file that this version can read ({error}); move it away."
        ) from error
    return content
