"""Damage of what holds arrays and networks: NumPy's files, idx, pickles, archives of Keras, HDF5."""

import contextlib
import gzip
import io
import json
import pickle
import struct
import zipfile

import h5py
import numpy as np

from tests.malformed.pictures import spoilt
from tests.malformed.records import mutated

HEADERS = [
    "{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 5), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
    "{'descr': '<f8', 'fortran_order': True, 'shape': (), }",
    "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (0,), }",
    "{'descr': '<f8', 'shape': (1,)}",
    "(" * 300,
]


def npy(content, rng):
    """Return an array file of other values, type or shape, or with a header that lies."""
    if rng.random() < 0.3:
        header = rng.choice(HEADERS).encode() + b"\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)
    return _npy_bytes(other_array(np.load(io.BytesIO(content), allow_pickle=False), rng))


def other_array(array, rng):
    """Return an array of other values, type or shape."""
    match rng.randrange(9):
        case 0 if array.dtype.kind == "f":
            array = array.copy()
            array.reshape(-1)[: rng.choice((1, array.size))] = rng.choice(
                (np.nan, np.inf, -1, 1e30, 0, 65.535)
            )
            return array
        case 1:
            return array.reshape(-1)[: array.size // 2]
        case 2:
            return array[None]
        case 3:
            return array[..., :0] if array.ndim else array[None]
        case 4:
            return np.array(["x", "²"])
        case 5 if array.dtype.kind in "fiub":
            return np.round(np.nan_to_num(array)).astype(
                rng.choice(("i8", "f2", "f4", "c16", "u1", "?", ">f8"))
            )
        case 6 if array.dtype.kind in "fiu":
            return (array * rng.choice((-1, 100, 1000))).astype(array.dtype)
        case 7:
            return np.array(array.tolist(), object)
        case _:
            return np.array(rng.choice((0.0, -1, 10**18)))


def npz(content, rng):
    """Return an archive of arrays with some missing, renamed or of other content; records in it are damaged too."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name in rng.sample(sorted(members), min(len(members), rng.choice((1, 1, 2)))):
        kept = members[name]
        match rng.randrange(6):
            case 0:
                del members[name]
            case 1:
                members[f"other {name}"] = members.pop(name)
            case 2:
                members[name] = spoilt(kept, rng)
            case 3:
                text = str(np.load(io.BytesIO(kept), allow_pickle=True)) if kept[:6] == b"\x93NUMPY" else ""
                with contextlib.suppress(ValueError):
                    text = json.dumps(mutated(json.loads(text), rng))
                    members[name] = _npy_bytes(np.array(text.encode("utf-8", "replace").decode()))
            case _:
                with contextlib.suppress(ValueError):
                    members[name] = npy(kept, rng)
    return _zipped(members, rng)


def idx(content, rng):
    """Return an idx file whose header says other sizes or another type, or that unpacks to far more."""
    raw = bytearray(gzip.decompress(content))
    match rng.randrange(6):
        case 0:
            raw[4:8] = struct.pack(">I", rng.choice((0, 1, 2**31, 2**32 - 1, 10**6)))
        case 1:
            raw[2:4] = bytes([rng.choice((8, 9, 13, 255)), rng.choice((0, 1, 2, 3, 4, 200))])
        case 2:
            raw += bytes(50_000_000)
        case 3:
            del raw[rng.randrange(len(raw)) :]
        case 4:
            return spoilt(content, rng)
        case _:
            return bytes(raw)
    return gzip.compress(bytes(raw), 1)


class _Call:
    """Pickles to a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def batch(content, rng):
    """Return a batch of CIFAR-10 with other entries, or a pickle that calls what no batch calls."""
    held = pickle.loads(content)
    match rng.randrange(6):
        case 0:
            return spoilt(content, rng)
        case 1:
            return pickle.dumps(_Call(print, "this pickle was run"), 2)
        case 2:
            held = rng.choice(([], None, 5, {}, "x", {b"data": 3}, {b"labels": []}))
        case 3:
            held[b"labels"] = rng.choice(
                ([], [1], [0, 1, 2, 99], [-1] * 4, ["a"] * 4, None, 10**400, [1e400] * 4)
            )
        case _:
            held[b"data"] = other_array(held[b"data"], rng)
    with contextlib.suppress(RecursionError):
        content = pickle.dumps(held, rng.choice((0, 2, 4)))
    return content


def keras_file(content, rng):
    """Return an archive of Keras with another configuration or other weights, with members missing or too large."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    match rng.randrange(9):
        case 0:
            del members[rng.choice(sorted(members))]
        case 1 | 2:
            members["config.json"] = json.dumps(mutated(json.loads(members["config.json"]), rng)).encode()
        case 3:
            members["config.json"] = _edited_config(members["config.json"], rng)
        case 4:
            members["metadata.json"] = rng.choice((b"", b"{}", b"[]", b'{"keras_version": "99.0"}', b"\xff"))
        case 5 | 6:
            members["model.weights.h5"] = hdf5(members["model.weights.h5"], rng)
        case 7:
            members[rng.choice(("assets/a", "../out of it", "/tmp/absolute", "config.json/x"))] = b"x"
        case _:
            members[rng.choice(("config.json", "model.weights.h5", "assets/zeros"))] = bytes(120_000_000)
    return _zipped(members, rng)


def _edited_config(content, rng):
    """Return a configuration with numbers or names that are not those of the weights."""
    old, new = rng.choice(
        [
            ('"class_name": "Conv2D"', '"class_name": "Lambda"'),
            ('"class_name": "Conv2D"', '"class_name": "TorchModuleWrapper"'),
            ('"class_name": "Conv2D"', '"class_name": "[/]"'),
            ('"module": "keras.layers"', '"module": "os"'),
            ('"filters": ', '"filters": 1000000000'),
            ('"units": ', '"units": 1000000000'),
            ('"kernel_size": [', '"kernel_size": [-1, '),
            ('"strides": [', '"strides": [0, '),
            ('"dtype": "float32"', '"dtype": "int32"'),
            ('"activation": "relu"', '"activation": "none such"'),
            ('"batch_shape": [', '"batch_shape": [0, '),
            ('"config": {', '"config": {"other": 1, '),
        ]
    )
    return content.decode().replace(old, new).encode()


def hdf5(content, rng):
    """Return weights with NaN, of other shapes, without some, or with bytes changed."""
    if rng.random() < 0.3:
        return spoilt(content, rng)
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        for name in found[: rng.choice((1, len(found)))]:
            values = file[name][()]
            match rng.randrange(4):
                case 0:
                    del file[name]
                case 1 if values.dtype.kind == "f":
                    file[name][...] = rng.choice((np.nan, np.inf, 1e38))
                case 2:
                    del file[name]
                    file.create_dataset(name, shape=(10**9,), chunks=(1000,), dtype="f4")
                case _:
                    del file[name]
                    file[name] = values.reshape(-1)[:-1] if values.size > 1 else np.zeros((2, 2))
    return buffer.getvalue()


def _npy_bytes(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _zipped(members, rng):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, content in members.items():
            archive.writestr(name, content, compresslevel=1)
    content = buffer.getvalue()
    return spoilt(content, rng) if rng.random() < 0.1 else content
