"""People's images answered by a served model: what `tfapp predict` does with a run, a server does with an export."""

import hashlib
import itertools
import os
import struct
import time
from collections import deque
from contextlib import closing
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfapp.data import read_image
from tfapp.data.images import image_size
from tfapp.data.own_pngs import save_own_png
from tfapp.data.stacks import Page
from tfapp.errors import InputError
from tfapp.export.client.errors import ServingError
from tfapp.export.client.many import Job, Latencies, ask_all
from tfapp.files import atomic_path, check_outputs
from tfapp.segmentation.pictures import label_picture
from tfapp.segmentation.prediction import check_places

BYTES, UINT8, DEFAULT = "serving_bytes", "serving_uint8", "serving_default"
# Of the float signature and the one of whole numbers, which ask the same model about the same image.
_SAME = 1e-3
_TRIAL_SIZE = (64, 64)


class ServedImages:
    """How image files become requests of one signature, and answers files.

    Args:
        client: `tfapp.export.Client`.
        signature: Name of the signature; None for `serving_bytes` where the model has it, else `serving_default`.
        value_range: Lowest and highest value of float images, as the model was exported with.
        form: What answers of another task become, where its `fits` says that the signature gives such: an object with
            `suffix`, `wanted`, `compared`, `trial`, `check_places`, `result` and `write`, as
            `tfapp.detection.served_boxes.ServedBoxes`.

    Raises:
        InputError: The signature takes no images.
        ServingError: The server does not answer, or has no such model or signature.
    """

    def __init__(self, client, signature=None, value_range=(0.0, 1.0), form=None):
        self.client = client
        if signature is None:
            signature = BYTES if BYTES in client.signatures else DEFAULT
        self.signature, self.value_range = client.signature(signature), value_range
        tensors = list(self.signature.inputs.values())
        shape = tensors[0].shape or ()
        images = len(shape) == 4 and shape[-1] in (1, 3) and tensors[0].dtype in (np.float32, np.uint8)
        self.takes_files = tensors[0].dtype is np.object_
        if len(tensors) != 1 or not (self.takes_files or images):
            others = [name for name in client.signatures if name != signature]
            raise InputError(
                f"{signature} takes {', '.join(map(str, tensors))}, which is not made of image files; choose another "
                f"`signature`: {', '.join(others) or 'the model has no other'}."
            )
        self._input = tensors[0]
        outputs = self.signature.outputs
        self.label_output = next((alias for alias in outputs if alias == "labels_png_bytes"), None)
        if self.label_output is None and len(getattr(outputs.get("labels"), "shape", None) or ()) == 3:
            self.label_output = "labels"
        self.form = form if form is not None and form.fits(outputs) else None
        status = ["status"] if "status" in outputs else []
        if self.form is not None:
            self.wanted = [*self.form.wanted, *status]
        else:
            self.wanted = list(outputs) if self.label_output is None else [self.label_output, *status]

    @property
    def suffix(self):
        """Of what is written: that of the form, `.png` for label images, `.npz` for outputs of other kinds."""
        if self.form is not None:
            return self.form.suffix
        return ".npz" if self.label_output is None else ".png"

    @property
    def alias(self):
        """Name of the input."""
        return self._input.alias

    @property
    def channels(self):
        """Channels of the arrays that the signature takes, None where it takes files."""
        return None if self.takes_files else self._input.shape[-1]

    def outputs(self, files, out):
        """Return pairs of (file to be written, image)."""
        return [(Path(out) / f"{file.stem}{self.suffix}", file) for file in files]

    def check_value_range(self):
        """Raise InputError if float images in `value_range` are answered otherwise than the same in whole numbers.

        A server does not tell which values a model takes for black and white; what it takes otherwise is answered all
        the same, and wrongly.
        """
        if self._input.dtype is not np.float32 or UINT8 not in self.client.signatures:
            return
        other = self.client.signature(UINT8)
        compared = next(
            (alias for alias, one in self.signature.outputs.items() if one.dtype is np.float32), None
        )
        if self.form is not None:
            compared = self.form.compared
        if set(other.inputs) != set(self.signature.inputs) or compared not in other.outputs:
            return
        _, height, width, channels = self._input.shape
        size = (1, height or _TRIAL_SIZE[0], width or _TRIAL_SIZE[1], channels)
        trial = np.random.default_rng(0).integers(0, 256, size, np.uint8)
        if self.form is not None:
            trial = self.form.trial(size[1:3], channels)[None]
        alias = self._input.alias
        low, high = self.value_range
        floats = (trial / np.float32(255) * np.float32(high - low) + np.float32(low)).astype(np.float32)
        ours = self.client.predict(self.signature.name, {alias: floats}, [compared])[compared]
        theirs = self.client.predict(UINT8, {alias: trial}, [compared])[compared]
        if self.form is not None:
            # The first, of the likeliest: others may go for one that is as likely.
            ours, theirs = ours[:, :1], theirs[:, :1]
        if np.abs(ours - theirs).max() > _SAME * max(1.0, np.abs(theirs).max()):
            raise InputError(
                f"The model answers a trial image in {low:g} to {high:g} otherwise than the same image in 0 to 255 "
                f"({UINT8}): it was exported for other values; give its `value_range`, or use {BYTES}."
            )

    def job(self, files):
        """Return the `Job` that asks about some files, of which the float signatures take one."""
        return Job(self.signature.name, lambda: {self._input.alias: self._values(files)}, self.wanted, files)

    def _values(self, files):
        if self.takes_files:
            return [_contents(file) for file in files]
        [file] = files
        return self.array_of(file, read_image(file, self._input.shape[-1]))

    def array_of(self, file, image):
        """Return what a signature of arrays takes for an image, or for a part of it, as a batch of one.

        Args:
            file: Its path, for messages.
            image: float32 (height, width, channels) in [0, 1].

        Raises:
            InputError: The signature takes no array of this size, or no image of more than 8 bits.
        """
        if not self._input.fits(np.empty((1, *image.shape), self._input.dtype)):
            raise InputError(
                f"Image {file} is {image.shape[1]}x{image.shape[0]} pixels; {self.signature.name} takes {self._input}."
            )
        if self._input.dtype is np.uint8:
            whole = np.rint(255 * image)
            if np.abs(whole - 255 * image).max() > 1e-3:
                raise InputError(
                    f"Image {file} has more than 8 bits, which {self.signature.name} cannot take; use another "
                    f"`signature`, such as {DEFAULT}."
                )
            return whole.astype(np.uint8)[None]
        low, high = self.value_range
        return (image * np.float32(high - low) + np.float32(low))[None]

    def results(self, files, outputs):
        """Return a pair for each of some files: a sentence or None, and what to write.

        Returns:
            List of (None, label map or dict of arrays), or (sentence, None) where the server says what was wrong with
            the file.

        Raises:
            ServingError: A label image of another size than its image, or that cannot be read.
        """
        found = []
        for index, file in enumerate(files):
            status = outputs["status"][index].decode(errors="replace") if "status" in outputs else ""
            if status:
                found.append((f"Image {file} was not answered: {status.rstrip('.')}.", None))
            elif self.form is not None:
                found.append((None, self.form.result(file, outputs, index)))
            elif self.label_output is None:
                others = {alias: array for alias, array in outputs.items() if alias != "status"}
                found.append((None, {alias: _plain(array[index]) for alias, array in others.items()}))
            else:
                found.append((None, self._label_map(file, outputs[self.label_output][index])))
        return found

    def write(self, file, result, out):
        """Write what `results` gave of an image into the folder `out`."""
        [(path, _)] = self.outputs([file], out)
        if self.form is not None:
            self.form.write(file, result, path)
        else:
            write_answer(result, path)

    def _label_map(self, file, answer):
        size = image_size(file)
        if self.label_output == "labels_png_bytes":
            answer = _decoded(file, answer, size)
        if answer.shape != size:
            raise _other_size(file, size, answer.shape)
        return answer


def check_served_places(served, paths, files, out, *, overwrite=False):
    """Raise InputError if what `answer_images` would write took the place of something else.

    Args:
        served: `ServedImages`.
        paths: What the images were named by: files, and folders of them.
        files: Paths, as from `find_images(paths)`.
        out: Folder to write to.
        overwrite: Whether files of these names that are there, and that tfapp did not write, may be replaced.
    """
    if served.form is not None:
        served.form.check_places(paths, files, out, overwrite)
        return
    check_places(paths, files, out, labels=False, overwrite=overwrite or served.suffix != ".png")
    written = served.outputs(files, out)
    check_outputs(written, files)
    there = next((file for file, _ in written if file.suffix == ".npz" and os.path.lexists(file)), None)
    if there and not overwrite:
        raise InputError(f"{there} exists; choose another `out`, or replace it with `overwrite`.")


def answer_images(
    served, files, out=None, *, batch=1, concurrency=1, repeat=1, advance=lambda: None, failures=None
):
    """Have a server answer image files; write `NAME.png`, the label image, or of other models `NAME.npz`, the outputs.

    Where `served` has a form, that writes what it makes of an answer.

    A request of several files that is refused is asked file by file, so that one that is bad costs no other.

    Args:
        served: `ServedImages`.
        files: Paths, as from `tfapp.segmentation.prediction.find_images`.
        out: Folder to write to; None writes nothing.
        batch: Files in a request, of signatures that take files.
        concurrency: Requests at once.
        repeat: How often each file is asked about; what is written is its first answer.
        advance: Called after each image.
        failures: Dict that takes a sentence by image for those that are not answered; None to stop at the first.

    Returns:
        Pair of `Latencies` and the number of answers that differ from the first one about the same image.

    Raises:
        InputError: `batch` beyond 1 for images as arrays, or, without `failures`, an image that cannot be read.
        ServingError: The server is down, or fails for a reason that is not in the request; or, without `failures`, it
            refuses an image.
    """
    if batch > 1 and not served.takes_files:
        raise InputError(
            f"`batch` must be 1 for {served.signature.name}, as images of different sizes make no array; use {BYTES}. "
            f"Received: {batch}."
        )
    groups = [files[start : start + batch] for start in range(0, len(files), batch)]
    alone = deque()  # files of requests that were refused
    first, differing, latencies = {}, 0, Latencies()
    retried, begun = served.client.retried, time.perf_counter()
    answers = ask_all(served.client, _next_job(served, groups, repeat, alone), concurrency)
    with closing(answers):
        for done in answers:
            asked = done.job.about
            if done.error is None:
                try:
                    results = served.results(asked, done.outputs)
                except (ServingError, InputError) as error:
                    results = [(error, None)] * len(asked)
            else:
                results = [(done.error, None)] * len(asked)
            if len(asked) > 1 and all(isinstance(error, ValueError) for error, _ in results):
                if not isinstance(done.error, ServingError) or done.error.of_the_request:
                    alone.extend(asked)
                    continue
            good = 0
            for file, (problem, result) in zip(asked, results, strict=True):
                if problem is None and file not in first and out is not None:
                    problem = _write(served, file, result, out)
                if problem is not None:
                    fail(file, problem, failures)
                else:
                    good += 1
                    digest = answer_digest(result)
                    differing += first.setdefault(file, digest) != digest
                advance()
            latencies.images += good
            if good:
                latencies.seconds.append(done.seconds)
            else:
                latencies.failed += 1
    latencies.wall, latencies.retried = time.perf_counter() - begun, served.client.retried - retried
    return latencies, differing


def _write(served, file, result, out):
    """Write a result, and return None, or the error of an image that can be served but not read here."""
    try:
        served.write(file, result, out)
    except InputError as error:
        return error
    return None


def _next_job(served, groups, repeat, alone):
    """Return a function that gives the jobs one by one, those of files alone first."""
    rest = itertools.chain.from_iterable(groups for _ in range(repeat))

    def next_job():
        group = [alone.popleft()] if alone else next(rest, None)
        return None if group is None else served.job(group)

    return next_job


def fail(file, problem, failures):
    """Keep, or raise, why an image was not answered: `failures` as of `answer_images`."""
    if isinstance(problem, ServingError) and not problem.of_the_request:
        raise problem
    if failures is None:
        raise problem if isinstance(problem, Exception) else InputError(problem)
    told = str(problem)
    failures.setdefault(file, told if str(file) in told else f"Image {file} was not answered: {told}")


def _contents(file):
    if isinstance(file, Page):
        raise InputError(
            f"{file} is a page of a stack, which {BYTES} cannot take; use the `signature` {UINT8} or serving_default."
        )
    image_size(file)  # What is no image is told in our words, and not sent.
    return Path(os.fspath(file)).read_bytes()


def _decoded(file, contents, size):
    """Return the label map of a PNG file, whose header is looked at before memory is taken."""
    header = len(contents) > 25 and contents[:8] == b"\x89PNG\r\n\x1a\n" and contents[12:16] == b"IHDR"
    if not header:
        raise _no_labels(file, "its beginning is another")
    width, height, bits = struct.unpack(">IIB", contents[16:25])
    if (height, width) != size:
        raise _other_size(file, size, (height, width))
    try:
        # As the graph encoded it: Pillow would refuse label images of large photographs as bombs.
        labels = tf.io.decode_png(contents, dtype=tf.uint16 if bits == 16 else tf.uint8).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise _no_labels(file, "it is damaged") from error
    if labels.shape[-1] != 1:
        raise _no_labels(file, "it is in colours")
    return labels[..., 0]


def _no_labels(file, reason):
    return ServingError(
        f"The answer for {file} is no label image (PNG): {reason}; is the model the one that was exported?",
        "MISMATCH",
    )


def _other_size(file, size, found):
    return ServingError(
        f"The server answered another shape than asked: {file} is {size[1]}x{size[0]} pixels, its labels are "
        f"{'x'.join(map(str, found[1::-1]))}.",
        "MISMATCH",
    )


def write_answer(result, path):
    """Write a label map (height, width) as a picture, or a dictionary of arrays as `.npz`."""
    if isinstance(result, dict):
        with atomic_path(path) as temporary:
            np.savez(temporary, **result)
    elif result.max(initial=0) > 255:
        save_own_png(Image.fromarray(result.astype(np.uint16)), path)
    else:
        save_own_png(label_picture(result), path)


def _plain(value):
    """Return one row of an output as an array that is stored without pickling; a file as its bytes."""
    if isinstance(value, bytes):
        return np.frombuffer(value, np.uint8)
    array = np.asarray(value)
    return array.astype("S") if array.dtype == object else array


def answer_digest(result):
    """Return what tells whether two answers are the same."""
    arrays = result if isinstance(result, dict) else {"": result}
    digest = hashlib.sha256()
    for alias, array in arrays.items():
        digest.update(f"{alias}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.digest()
