import io
import json
import zipfile

import h5py
import keras
import pytest

from tfapp.errors import InputError
from tfapp.models import keras_archive
from tfapp.models.weights import load_keras_model

layers = keras.layers


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """The members of a small `.keras` file by name."""
    path = tmp_path_factory.mktemp("model") / "own.keras"
    inputs = keras.Input((None, None, 3))
    keras.Model(inputs, layers.Conv2D(2, 3, name="scores")(inputs)).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def write(tmp_path, members):
    """Return a function that writes the file with some members changed, or left out where they are None."""

    def write(changes, compression=zipfile.ZIP_STORED):
        with zipfile.ZipFile(tmp_path / "own.keras", "w", compression) as archive:
            for name, content in (members | changes).items():
                if content is not None:
                    archive.writestr(name, content)
        return tmp_path / "own.keras"

    return write


@pytest.fixture
def config(members):
    """The configuration, to be changed, and its one convolution."""
    whole = json.loads(members["config.json"])
    return whole, next(one for one in whole["config"]["layers"] if one["class_name"] == "Conv2D")


def in_models(config, depth):
    for _ in range(depth):
        config = {"class_name": "Sequential", "config": {"layers": [config]}, "module": "keras"}
    return json.dumps(config)


def test_file_as_keras_writes_it_is_loaded(write):
    assert load_keras_model(write({})).count_params() == 56


def test_file_that_somebody_compressed_is_loaded(write):
    assert load_keras_model(write({}, zipfile.ZIP_DEFLATED)).count_params() == 56


@pytest.mark.parametrize("filters", [10**9, 10**7, 10**12])
def test_more_weights_than_the_file_holds_are_refused_before_they_take_memory(write, config, filters):
    whole, convolution = config
    convolution["config"]["filters"] = filters
    with pytest.raises(
        InputError, match="declares layers with more weights than it holds: .* the file has 0.0 MB"
    ):
        load_keras_model(write({"config.json": json.dumps(whole)}))


def test_module_of_another_library_is_not_unpickled(write, config):
    whole, convolution = config
    convolution |= {"class_name": "TorchModuleWrapper", "config": {"module": "gASVAAA=", "name": "scores"}}
    with pytest.raises(InputError, match="has a TorchModuleWrapper layer, whose code is not run from a file"):
        load_keras_model(write({"config.json": json.dumps(whole)}))


@pytest.mark.parametrize("depth", [100, 300])
def test_deep_nesting_is_one_sentence(write, members, depth):
    with pytest.raises(InputError, match="its config.json is nested more than 200 levels deep"):
        load_keras_model(write({"config.json": in_models(json.loads(members["config.json"]), depth)}))


def test_nesting_that_json_cannot_follow_is_one_sentence(write):
    with pytest.raises(InputError, match="its config.json is nested too deeply"):
        load_keras_model(write({"config.json": "[" * 100_000 + "]" * 100_000}))


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "assets/words.txt"])
def test_member_that_grows_a_thousand_times_is_refused(write, monkeypatch, name):
    monkeypatch.setattr(keras_archive, "ALWAYS_ALLOWED", 2**16)
    with pytest.raises(InputError, match="would take 2 MB from 0.0 MB; expected at most 20 times its size"):
        load_keras_model(write({name: b" " * 2**21}, zipfile.ZIP_DEFLATED))


def with_kernel(content, **dataset):
    """The weights with another array in the place of the kernel."""
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as weights:
        group = next(iter(weights["layers"].values()))["vars"]
        del group["0"]
        group.create_dataset("0", dtype="float32", **dataset)
    return file.getvalue()


def test_array_that_is_declared_and_not_there_is_refused_before_it_takes_memory(write, members):
    weights = with_kernel(members["model.weights.h5"], shape=(2**40,), chunks=(2**20,))
    with pytest.raises(InputError, match="declares 4194304 MB of weights and holds 0.0 MB"):
        load_keras_model(write({"model.weights.h5": weights}))


def test_weights_of_another_file_are_not_read(write, members, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(1000))
    outside = with_kernel(members["model.weights.h5"], shape=(54,), external=[(tmp_path / "secret", 0, 216)])
    with pytest.raises(InputError, match="has weights that lie in another file"):
        load_keras_model(write({"model.weights.h5": outside}))


def test_large_configuration_is_refused_before_it_is_read(write, monkeypatch):
    monkeypatch.setattr(keras_archive, "LARGEST_JSON", 2**20)
    with pytest.raises(InputError, match="has a config.json of 2 MB; expected at most 1 MB"):
        load_keras_model(write({"config.json": b" " * 2**21}))


def test_declared_size_that_is_a_lie_is_damage(write):
    path = write({"config.json": b" " * 5000}, zipfile.ZIP_DEFLATED)
    content = path.read_bytes()
    # 5000 becomes 10 in the header of the member and in the central directory.
    path.write_bytes(content.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(InputError, match="own.keras (is damaged|cannot be loaded)"):
        load_keras_model(path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model.weights.h5": None}, "has no weights; expected model.weights.h5 in it"),
        ({"config.json": None}, "it has no config.json"),
        ({"config.json": b"{"}, "its config.json is no JSON"),
        ({"config.json": b"7"}, "cannot be loaded: it is damaged, or of another Keras"),
        ({"model.weights.h5": b"no weights"}, "cannot be loaded: its model.weights.h5 is damaged"),
    ],
)
def test_damaged_archive_is_one_sentence(write, changes, sentence):
    with pytest.raises(InputError, match=sentence) as refused:
        load_keras_model(write(changes))
    assert "\n" not in str(refused.value)


def test_compressed_member_whose_stream_is_broken_is_damage(write):
    path = write({"config.json": bytes(range(256)) * 40}, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("config.json").header_offset + 30 + len("config.json")
    content[start : start + 40] = bytes([0xFF]) * 40
    path.write_bytes(content)
    with pytest.raises(InputError, match="own.keras is damaged: it is no archive that can be read"):
        load_keras_model(path)


def test_folder_is_no_model(tmp_path):
    with pytest.raises(InputError, match="is not a file; expected a .keras file"):
        load_keras_model(tmp_path)
