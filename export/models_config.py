"""`models.config`, by which one server serves several models and versions: written, and checked against the folders.

Its form is the text of the protocol buffer ModelServerConfig (tensorflow.org/tfx/serving/serving_config), of the
package tensorflow-serving-api.
"""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tfapp.export.errors import ExportError
from tfapp.export.versions import existing_versions, is_served_word, version_folder
from tfapp.files import atomic_path, check_regular_file

# Where containers of tensorflow/serving look for models.
CONTAINER = "/models"
_MOST_BYTES = 2**20
_REMEDY = "write it anew with `tfapp export config`, or mend it by hand"


@dataclass(frozen=True)
class ServedModel:
    """A model of a server.

    Attributes:
        folder: Path of the folder that holds its versions, on this machine.
        name: Its name for clients; None is that of the folder.
        versions: Which versions are served: a whole number, so many of the latest; "all"; or a list of versions. None
            is those that have labels, or without labels the latest.
        labels: Dict of versions by label, such as `{"stable": 3, "canary": 4}`.
    """

    folder: Path
    name: str | None = None
    versions: object = None
    labels: dict = field(default_factory=dict)

    @property
    def served_name(self):
        return self.name or Path(self.folder).resolve().name

    @property
    def policy(self):
        """`versions` with None spelled out."""
        if self.versions is None:
            return sorted(set(self.labels.values())) or 1
        return self.versions


def write_models_config(path, models, at=CONTAINER):
    """Write a configuration of models, which are checked before, and return the versions that will be served.

    Args:
        path: File to write; it appears whole, and replaces what is there.
        models: `ServedModel`s.
        at: Folder that holds the models on the server, as `/models` in containers; None where the server runs on this
            machine, with the folders where they are.

    Returns:
        Dict of lists of versions by name of the model.

    Raises:
        ExportError: a model without versions, a version that does not exist or is no SavedModel, a label of a version
            that is not served, two models of one name; or tensorflow-serving-api is not installed.
    """
    from google.protobuf import text_format

    config = _message()
    served = {}
    for model in models:
        name = model.served_name
        if name in served:
            raise ExportError(f"Two models are called {name!r}; give one of them another `name`.")
        _check_word("name", name)
        served[name] = served_versions(Path(model.folder), model.policy, model.labels, name)
        entry = config.model_config_list.config.add(name=name, model_platform="tensorflow")
        entry.base_path = str(Path(model.folder).resolve() if at is None else PurePosixPath(at, name))
        _set_policy(entry.model_version_policy, model.policy)
        for label, version in model.labels.items():
            entry.version_labels[label] = version
    if not served:
        raise ExportError("`models` must name at least one model. Received: none.")
    with atomic_path(path) as temporary:
        temporary.write_text(text_format.MessageToString(config), encoding="utf-8")
    return served


def check_models_config(path, root=None):
    """Check a configuration against the folders that it names, and return the versions that will be served.

    Args:
        path: The file.
        root: Folder of this machine that is `/models` on the server, or None where the paths are of this machine.

    Returns:
        Dict of lists of versions by name of the model.

    Raises:
        ExportError: what the server would not load, or not as it is meant, by the first fault that is found.
    """
    served = {}
    for entry in _read(path).model_config_list.config:
        where = f"{path}, model {entry.name!r}"
        if not entry.name or not entry.base_path:
            raise ExportError(f"{path} has a model without a name or base_path; {_REMEDY}.")
        if entry.name in served:
            raise ExportError(f"{path} has two models called {entry.name!r}; {_REMEDY}.")
        if entry.model_platform not in ("tensorflow", ""):
            raise ExportError(
                f"{where}: model_platform must be 'tensorflow'. Received: {entry.model_platform!r}."
            )
        if not entry.base_path.startswith("/"):
            # The server would take it from wherever it was started.
            raise ExportError(f"{where}: base_path must begin with /. Received: {entry.base_path!r}.")
        folder = _local(entry.base_path, root)
        served[entry.name] = served_versions(folder, _policy(entry), dict(entry.version_labels), where)
    if not served:
        raise ExportError(f"{path} has no models in a model_config_list; {_REMEDY}.")
    return served


def served_versions(folder, policy, labels, where):
    """Return the versions that a server will serve of a model, ascending.

    Args:
        folder: Folder of the versions.
        policy: As `ServedModel.policy`.
        labels: Dict of versions by label.
        where: The model, for sentences.

    Raises:
        ExportError: as `write_models_config`.
    """
    if not folder.is_dir():
        raise ExportError(f"{where}: the folder {folder} does not exist; export there, or correct the path.")
    there = existing_versions(folder)
    if not there:
        raise ExportError(
            f"{where}: {folder} has no versions; expected folders whose names are whole numbers."
        )
    if policy == "all":
        served = there
    elif isinstance(policy, int) and not isinstance(policy, bool):
        if policy < 1:
            raise ExportError(f"{where}: `versions` must be at least the latest one. Received: {policy}.")
        served = there[-policy:]
    else:
        served = sorted(set(policy))
        if not served:
            raise ExportError(f"{where}: `versions` must name at least one version. Received: none.")
    listed = ", ".join(map(str, there))
    for version in served:
        if version not in there:
            raise ExportError(f"{where}: version {version} does not exist in {folder}; there are: {listed}.")
        if version_folder(folder, version) is None:
            raise ExportError(
                f"{where}: version {version} in {folder} is no SavedModel (it has no saved_model.pb); export it again, "
                "or leave it out."
            )
    for label, version in labels.items():
        _check_word("label", label)
        if version not in served:
            raise ExportError(
                f"{where}: the label {label!r} names version {version}, which is not served; served are: "
                f"{', '.join(map(str, served))}, there are: {listed}."
            )
    return served


def server_flags(models, config_file, batching_file=None):
    """Return the flags of tensorflow_model_server for a configuration, a list of str.

    Args:
        models: `ServedModel`s, or anything with `labels`.
        config_file: Path of the configuration on the server.
        batching_file: Path of batching parameters on the server, or None.
    """
    flags = [f"--model_config_file={config_file}", "--model_config_file_poll_wait_seconds=60"]
    if any(model.labels for model in models):
        # Labels in the first configuration name versions that are not loaded yet, which is an error otherwise.
        flags.append("--allow_version_labels_for_unavailable_models=true")
    if batching_file is not None:
        flags += ["--enable_batching", f"--batching_parameters_file={batching_file}"]
    return flags


def batching_parameters(max_batch_size, warnings):
    """Return the text of a file of batching parameters, with what speaks against it as comments.

    The protocol buffer BatchingParameters is in no package, so that nothing but a server can check the text.

    Args:
        max_batch_size: Most rows that are run together.
        warnings: Sentences, of the models that the server serves.
    """
    comments = [f"# {sentence}\n" for sentence in dict.fromkeys(warnings)]
    return (
        f"{''.join(comments)}"
        f"max_batch_size {{ value: {max_batch_size} }}\n"
        "# How long a request waits for others, in microseconds.\n"
        "batch_timeout_micros { value: 2000 }\n"
        "# Beyond so many batches that wait the server answers UNAVAILABLE, and clients try again.\n"
        "max_enqueued_batches { value: 100 }\n"
    )


def _message():
    try:
        from tensorflow_serving.config import model_server_config_pb2
    except ImportError as error:
        raise ExportError(
            f"models.config needs tensorflow-serving-api ({error}): pip install tfapp[serving]."
        ) from error
    return model_server_config_pb2.ModelServerConfig()


def _read(path):
    from google.protobuf import text_format

    check_regular_file(path, "a models.config")
    config = _message()
    try:
        content = Path(path).read_bytes()
        if len(content) > _MOST_BYTES:
            raise ExportError(f"{path} has {len(content):,} bytes; expected a models.config of a few lines.")
        return text_format.Parse(content.decode("utf-8"), config)
    except FileNotFoundError:
        raise ExportError(f"{path} does not exist; expected a models.config.") from None
    except (text_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ExportError(f"{path} is no models.config ({reason}); {_REMEDY}.") from error


def _local(base_path, root):
    if root is None:
        return Path(base_path)
    path = PurePosixPath(base_path)
    if not path.is_relative_to(CONTAINER):
        raise ExportError(
            f"`models` stands for {CONTAINER} on the server, and {base_path} does not lie there."
        )
    return Path(root, path.relative_to(CONTAINER))


def _policy(entry):
    policy = entry.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    if kind == "specific":
        return list(policy.specific.versions)
    if kind == "all":
        return "all"
    return policy.latest.num_versions or 1


def _set_policy(message, policy):
    if policy == "all":
        message.all.SetInParent()
    elif isinstance(policy, int):
        message.latest.num_versions = policy
    else:
        message.specific.versions.extend(sorted(set(policy)))


def _check_word(what, word):
    if not is_served_word(word):
        raise ExportError(
            f"A {what} must be a word without spaces, /, :, ? and #, for addresses. Received: {word!r}."
        )
