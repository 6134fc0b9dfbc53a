"""Signatures as a server tells them, and whether the arrays of a request and of an answer fit them."""

from dataclasses import dataclass

import numpy as np

from tfapp.export.client.errors import ServingError
from tfapp.export.errors import ExportError

# NumPy's types by the names of TensorFlow's; strings are objects (bytes).
DTYPES = {
    "DT_FLOAT": np.float32,
    "DT_DOUBLE": np.float64,
    "DT_INT32": np.int32,
    "DT_INT64": np.int64,
    "DT_UINT8": np.uint8,
    "DT_INT8": np.int8,
    "DT_INT16": np.int16,
    "DT_BOOL": np.bool_,
    "DT_STRING": np.object_,
}


@dataclass(frozen=True)
class Tensor:
    """An input or output of a signature.

    Attributes:
        alias: Its name in requests and answers.
        dtype: NumPy type; `numpy.object_` for strings of bytes.
        shape: Tuple of sizes, None where any will do; or None where the rank is open too.
    """

    alias: str
    dtype: type
    shape: tuple | None

    def __str__(self):
        name = "string" if self.dtype is np.object_ else np.dtype(self.dtype).name
        return f"{self.alias} {name} {shape_words(self.shape)}"

    def fits(self, array):
        """Return whether an array has this dtype and shape."""
        if np.dtype(array.dtype) != np.dtype(self.dtype):
            return False
        if self.shape is None:
            return True
        return len(self.shape) == array.ndim and all(
            expected in (None, size) for expected, size in zip(self.shape, array.shape, strict=True)
        )


@dataclass(frozen=True)
class Signature:
    """What a server takes and gives under one name.

    Attributes:
        name: Its name.
        inputs, outputs: `Tensor` by alias.
    """

    name: str
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def checked_inputs(self, inputs):
        """Return `inputs` as arrays.

        Raises:
            ExportError: other inputs than the signature has, or of another dtype or shape.
        """
        arrays = {alias: _array(value) for alias, value in inputs.items()}
        if arrays.keys() != self.inputs.keys():
            raise ExportError(
                f"{self.name} takes {_listed(self.inputs.values())}. "
                f"Received: {', '.join(sorted(arrays)) or 'nothing'}."
            )
        for alias, array in arrays.items():
            if not self.inputs[alias].fits(array):
                raise ExportError(
                    f"{self.name} takes {self.inputs[alias]}. Received: {array.dtype.name} {array.shape}."
                )
        return arrays

    def check_outputs(self, outputs, wanted, count, server):
        """Raise `ServingError` for an answer that lacks one of the `wanted` outputs or does not fit the signature.

        Args:
            outputs: Arrays by alias.
            wanted: Aliases that were asked for.
            count: Size of the first axis of every output, where the signature leaves it open: that of the inputs.
            server: The address, for the sentence.
        """
        for alias in wanted:
            tensor = self.outputs[alias]
            if alias not in outputs:
                found = f"the outputs {', '.join(sorted(outputs)) or 'none'}"
            elif not tensor.fits(outputs[alias]):
                found = f"{outputs[alias].dtype.name} {outputs[alias].shape}"
            elif tensor.shape and tensor.shape[0] is None and len(outputs[alias]) != count:
                found = f"{len(outputs[alias])} of them for {count} input(s)"
            else:
                continue
            raise ServingError(
                f"{server} answered another shape than asked: expected {tensor}, got {found}; is it a server of "
                "the SavedModel API, and the model the one that was exported?",
                "MISMATCH",
            )


def shape_words(shape):
    """Return a shape as words: `(?, ?, ?, 3)`.

    Example:
        >>> shape_words((None, 3))
        '(?, 3)'
    """
    if shape is None:
        return "of any shape"
    sizes = ["?" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _array(value):
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, bytes) for one in value):
        # NumPy's own byte strings would lose zeros at the end of a file.
        array = np.empty(len(value), object)
        array[:] = value
        return array
    return np.asarray(value)


def _listed(tensors):
    return ", ".join(map(str, tensors))
