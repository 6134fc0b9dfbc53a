"""Samples that a loss is averaged over, in the forms that Keras's `evaluate` takes, batch by batch."""

import inspect
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.landscape.one_line import one_line
from tfapp.optimizers.array_parts import array_fault

# Samples of arrays in a batch where nobody said it.
BATCH_SIZE = 8


@dataclass(frozen=True)
class Source:
    """Samples as they were given, and as they were read, once.

    Attributes:
        given: what `model.evaluate` takes as its `x`, for data that bring their own batches; else None.
        parts: `(x, y, sample_weight)`, nests of arrays; None where the batches differ in more than their length.
        own_size: samples in a batch of the data's own, None for arrays.
        listed: the batches `(x, y, sample_weight)`, where there are no `parts`.
    """

    given: object
    parts: tuple | None
    own_size: int | None = None
    listed: tuple = ()

    def batches(self, batch_size: int | None) -> "Batches":
        """Return the samples as tensors, `batch_size` of them (None: 8) in a batch unless they bring their own."""
        if self.parts is None:
            return ListedBatches(self.listed)
        if self.own_size:
            return Batches(*self.parts, self.own_size)
        is_assumed = batch_size is None
        return Batches(*self.parts, BATCH_SIZE if is_assumed else batch_size, size_assumed=is_assumed)

    @property
    def content(self) -> tuple:
        """`(x, y, sample_weight)`, nests of arrays of all samples, to be hashed."""
        return self.parts if self.parts is not None else _transposed(self.listed)

    @property
    def own_batches(self) -> list[int] | None:
        """Sizes of the data's own batches, None for arrays."""
        if self.given is None:
            return None
        batches = self.batches(1)
        return [size for _, size in batches]

    def evaluated_by(self, model: keras.Model, batch_size: int | None) -> dict:
        """Return what `model.evaluate` says of the very data in the very form in which they were given."""
        options = {"verbose": 0, "return_dict": True}
        if self.given is not None:
            with _without_the_end_said():
                return model.evaluate(self.given, **options)
        x, y, sample_weight = self.parts
        return model.evaluate(x, y, sample_weight=sample_weight, batch_size=batch_size, **options)


def read(x, y=None, sample_weight=None) -> Source:
    """Read samples once.

    Args:
        x: an array, a nest of arrays, `Batches`, or what brings its own batches: a `tf.data.Dataset`, a
            `keras.utils.PyDataset`, a generator, or whatever else `model.evaluate` takes.
        y, sample_weight: arrays or nests of arrays; None with data that bring their own.

    Raises:
        InputError: targets beside data that bring their own, data without end or without batches, sparse or ragged
            data, lists of numbers, or what Keras cannot read.
    """
    if isinstance(x, Batches):
        return x.source
    if _has_batches(x):
        if y is not None or sample_weight is not None:
            raise InputError(
                "A dataset yields its own targets and weights. Received: a dataset as `x`, and `y`."
            )
        return _own_batches(x)
    fault = array_fault(x=x, y=y, sample_weight=sample_weight)
    if fault:
        raise InputError(fault)
    if any(hasattr(leaf, "iloc") for leaf in keras.tree.flatten((x, y, sample_weight))):
        # Keras makes columns of series.
        (parts,) = _recorded(x, y, sample_weight=sample_weight, batch_size=len(keras.tree.flatten(x)[0]))
        return Source(None, parts)
    return Source(None, (x, y, sample_weight))


def as_batches(x, y=None, sample_weight=None, batch_size: int | None = None) -> "Batches":
    """Return `x` if it is `Batches` already, else the samples as batches that stay in memory, of 8 if none is said."""
    return x if isinstance(x, Batches) else read(x, y, sample_weight).batches(batch_size)


def _has_batches(x):
    if isinstance(x, tf.data.Dataset | keras.utils.PyDataset):
        return True
    # Data loaders of other packages; arrays, and the nests of them, have shapes or are containers.
    return inspect.isgenerator(x) or not (
        isinstance(x, dict | list | tuple) or hasattr(x, "shape") or np.isscalar(x)
    )


def _own_batches(x):
    if isinstance(x, tf.data.Dataset) and x.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise InputError("Expected a dataset that ends. Received: an endless one; use `take(batches)`.")
    if isinstance(x, keras.utils.PyDataset) and x.num_batches is None:
        raise InputError("Expected a dataset that ends. Received: a PyDataset without a number of batches.")
    batches = _recorded(x)
    if not batches:
        raise InputError("Expected a dataset of at least one batch. Received: an empty one.")
    # A generator is read by now: whoever looks at the data again gets the same batches.
    given = x if isinstance(x, tf.data.Dataset | keras.utils.PyDataset) else Replay(batches)
    sizes = [_size(batch) for batch in batches]
    if not _equal_but_for_the_last(batches, sizes):
        return Source(given, None, None, tuple(batches))
    return Source(given, keras.tree.map_structure(_join, *batches), sizes[0])


def _recorded(x, y=None, **options):
    """Return the batches as Keras's `evaluate` hands them to a model, as `(x, y, sample_weight)`."""
    recorder = _Recorder()
    try:
        with _without_the_end_said():
            recorder.evaluate(x, y, verbose=0, **options)
    except (TypeError, ValueError, AttributeError, LookupError, tf.errors.OpError) as error:
        raise InputError(
            f"Expected data that `model.evaluate` takes. Received: {type(x).__name__} ({one_line(error)})."
        ) from error
    for leaf in keras.tree.flatten(recorder.batches):
        if isinstance(leaf, tf.RaggedTensor | tf.SparseTensor):
            raise InputError(
                f"Expected batches of dense tensors. Received: a {type(leaf).__name__}; make it dense first."
            )
    return recorder.batches


@contextmanager
def _without_the_end_said():
    """Keras warns that data ran out which do not tell their length, such as a generator."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        yield


class _Recorder(keras.Model):
    """A model that keeps what it is given to evaluate."""

    def __init__(self):
        super().__init__(name="recorder")
        self.built, self.batches = True, []
        self.compile(None, run_eagerly=True)

    def call(self, inputs):
        return inputs

    def test_step(self, data):
        self.batches.append(tuple(keras.utils.unpack_x_y_sample_weight(data)))
        return {"read": tf.constant(0.0)}


class Replay(keras.utils.PyDataset):
    """Batches `(x, y, sample_weight)` that were read before, for `model.evaluate`."""

    def __init__(self, batches):
        super().__init__()
        self._batches = batches

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        return packed(*self._batches[index])


def packed(x, y, sample_weight):
    """Return a batch as Keras hands it to `test_step`."""
    return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)


def _leaves(nest):
    return [leaf for leaf in keras.tree.flatten(nest) if leaf is not None]


def _size(batch):
    """Return the number of samples of a batch, as Keras counts it."""
    shape = tuple(_leaves(batch[0])[0].shape)
    if not shape or not shape[0]:
        raise InputError(f"Expected batches of at least one sample. Received: inputs of the shape {shape}.")
    return int(shape[0])


def _equal_but_for_the_last(batches, sizes):
    def form(batch, size):
        described = keras.tree.map_structure(
            lambda leaf: None if leaf is None else f"{leaf.dtype}{tuple(leaf.shape[1:])}", batch
        )
        return repr(described), all(leaf.shape.rank and leaf.shape[0] == size for leaf in _leaves(batch))

    forms = {form(batch, size) for batch, size in zip(batches, sizes, strict=True)}
    (same, whole) = len(forms) == 1, all(whole for _, whole in forms)
    return same and whole and len({*sizes[:-1], sizes[0]}) == 1 and sizes[-1] <= sizes[0]


def _join(*arrays):
    return None if arrays[0] is None else np.concatenate([np.asarray(array) for array in arrays])


def _transposed(batches):
    """Return a list of the inputs, one of the targets and one of the weights of batches; None where all are."""
    return tuple(list(part) if _leaves(part) else None for part in zip(*batches, strict=True))


class Batches:
    """Samples that stay in memory as tensors and are sliced into batches of fixed shape.

    Args:
        x, y, sample_weight: an array or a nest of arrays (a list or dictionary for several inputs or
            outputs), first axis the samples; `sample_weight` may be None, and so may the target of an output
            without a loss. Floating-point arrays are cast to `keras.config.floatx()`, as `model.evaluate` does.
        batch_size: integer > 0.
        size_assumed: whether nobody said the batch size, see `batch_size.warn_of_batch_size`.

    Raises:
        InputError: no samples, arrays of different length, or `batch_size` < 1.
    """

    size_assumed = False

    def __init__(self, x, y, sample_weight, batch_size: int, *, size_assumed: bool = False):
        if isinstance(batch_size, bool) or not isinstance(batch_size, Integral) or batch_size < 1:
            raise InputError(f"`batch_size` must be a positive integer. Received: batch_size={batch_size}.")
        self._x, self._y, self._weight = (_to_tensors(part) for part in (x, y, sample_weight))
        lengths = _leaves((self._x, self._y, self._weight))
        lengths = sorted({int(leaf.shape[0]) if leaf.shape.rank else 0 for leaf in lengths})
        if len(lengths) != 1 or lengths[0] == 0:
            lists = " A list of arrays is several inputs or outputs." if isinstance(x, list | tuple) else ""
            raise InputError(
                f"Expected as many samples in every array, at least one. Received: {lengths}.{lists}"
            )
        self.num_samples = lengths[0]
        self.batch_size = min(batch_size, self.num_samples)
        self.num_full, self.remainder = divmod(self.num_samples, self.batch_size)
        self.size_assumed = size_assumed

    def slice(self, start, size: int):
        """Return `(x, y, sample_weight)` of the samples start, ..., start + size - 1."""
        return tuple(_slice(part, start, size) for part in (self._x, self._y, self._weight))

    def __iter__(self):
        """Yield `(start, size)` of every batch, the remainder last."""
        for index in range(self.num_full):
            yield index * self.batch_size, self.batch_size
        if self.remainder:
            yield self.num_full * self.batch_size, self.remainder

    @property
    def content(self) -> tuple:
        """`(x, y, sample_weight)` of all samples, to be hashed."""
        return self._x, self._y, self._weight

    @property
    def source(self) -> Source:
        """The samples as what `model.evaluate` takes."""
        return Source(Replay([self.slice(*batch) for batch in self]), self.content, self.batch_size)

    def compiled(self, function, *signature, eager: bool = False, jit_compile: bool = False):
        """Return a function of tensors as one graph, in which all batches are gone through; or as it is, if `eager`."""
        if eager:
            return _of_tensors(function, signature)
        return tf.function(function, input_signature=signature, autograph=False, jit_compile=jit_compile)

    def folded(self, add, *, eager: bool = False, jit_compile: bool = False):
        """Return a function `(given, *totals)` that takes the totals through all batches.

        Args:
            add: function `(given, batch, size, *totals)` that returns the totals after a batch, a tuple; `given` is
                a nest of tensors and the same for all batches.
            eager: go through them without a graph.
            jit_compile: compile by XLA, where the batches are not compiled as a whole.
        """

        def fold(given, *totals):
            batch_size, end = self.batch_size, self.num_full * self.batch_size
            # One batch after the other: two at once would double the memory, not the speed.
            _, *totals = tf.while_loop(
                lambda start, *_: start < end,
                lambda start, *totals: (
                    start + batch_size,
                    *add(given, self.slice(start, batch_size), batch_size, *totals),
                ),
                (tf.constant(0), *totals),
                parallel_iterations=1,
            )
            return (
                add(given, self.slice(end, self.remainder), self.remainder, *totals)
                if self.remainder
                else totals
            )

        return _in_turn(self, add) if eager else fold


class ListedBatches(Batches):
    """Batches whose shapes differ: each is a tensor of its own, and the graph that is compiled is that of one batch.

    Args:
        batches: tuples `(x, y, sample_weight)` of nests of tensors.
    """

    def __init__(self, batches):
        self._listed = [tuple(_to_tensors(part) for part in batch) for batch in batches]
        self._sizes = [_size(batch) for batch in self._listed]
        self._starts = dict(zip(np.cumsum([0, *self._sizes[:-1]]).tolist(), self._listed, strict=True))
        self.num_samples = sum(self._sizes)
        self.batch_size = max(self._sizes)

    def slice(self, start, size: int):
        """Return the batch that begins with the sample `start`, or its first samples."""
        batch = self._starts[int(start)]
        if size == _size(batch):
            return batch
        return tuple(_slice(part, 0, size) for part in batch)

    def __iter__(self):
        return iter(zip(self._starts, self._sizes, strict=True))

    @property
    def content(self) -> tuple:
        return _transposed(self._listed)

    @property
    def source(self) -> Source:
        return Source(Replay(self._listed), None, None, tuple(self._listed))

    def compiled(self, function, *signature, eager: bool = False, jit_compile: bool = False):
        return _of_tensors(function, signature)

    def folded(self, add, *, eager: bool = False, jit_compile: bool = False):
        if not eager:
            add = tf.function(add, autograph=False, jit_compile=jit_compile, reduce_retracing=True)
        return _in_turn(self, add)


def _of_tensors(function, signature):
    def of_tensors(*arguments):
        pairs = zip(arguments, signature, strict=True)
        return function(*(tf.convert_to_tensor(argument, spec.dtype) for argument, spec in pairs))

    return of_tensors


def _in_turn(batches, add):
    def fold(given, *totals):
        for start, size in batches:
            totals = add(given, batches.slice(start, size), size, *totals)
        return totals

    return fold


def _to_tensors(nest):
    return keras.tree.map_structure(_to_tensor, nest)


def _to_tensor(array):
    if array is None:
        return None
    try:
        tensor = tf.convert_to_tensor(array)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"Expected arrays that TensorFlow takes. Received: {type(array).__name__} of dtype "
            f"{getattr(array, 'dtype', None)} ({one_line(error)})."
        ) from error
    return tf.cast(tensor, keras.config.floatx()) if tensor.dtype.is_floating else tensor


def _slice(nest, start, size):
    def cut(tensor):
        if tensor is None:
            return None
        rest = tensor.shape[1:]
        return tf.slice(tensor, [start] + [0] * len(rest), [size, *rest])

    return keras.tree.map_structure(cut, nest)
