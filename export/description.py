"""What a client needs to know of an exported folder, read from the folder itself."""

import json
import re
import shlex

from tfapp.export.kinds import kind_of
from tfapp.export.manifest import read_manifest
from tfapp.export.signature_defs import read_signatures
from tfapp.export.versions import resolve_saved_model

LIMITS = (
    "`tfapp export verify` runs the graph by the call that TensorFlow Serving makes; the server itself, with its "
    "HTTP and gRPC front end, version manager and batching, is not exercised."
)


def describe(directory):
    """Describe the SavedModel in `directory`; signatures come from its `saved_model.pb`.

    Args:
        directory: `BASE/<version>`, or `BASE`, of which the highest version is taken.

    Returns:
        Dict of plain JSON values: `name`, `version` (int or None), `directory` (str), `signatures` (dict by
        name of `inputs` and `outputs`, each a list of dicts `alias`, `dtype`, `shape`, `tensor`, `meaning`;
        and the commands `curl` (or None) and `saved_model_cli`), `summary` (list of sentences on what is
        served, empty for a folder of another maker), `images` (dict of what a model of images takes, or None),
        `class_names` (list or None), `palette` (what the exporter's `metadata` held under that name, or None),
        `docker`, `batching` and `limits` (str).

    Raises:
        ExportError: `directory` is not a SavedModel, or is damaged.
    """
    folder = resolve_saved_model(directory).resolve()
    manifest = read_manifest(folder) or {}
    kind = kind_of(manifest)
    name = manifest.get("name") or folder.parent.name
    version = int(folder.name) if re.fullmatch("[0-9]+", folder.name) else None
    signatures = read_signatures(folder)
    for key, signature in signatures.items():
        meanings = _meanings(manifest.get("signatures", {}).get(key, {}))
        for tensor in (*signature["inputs"], *signature["outputs"]):
            tensor["meaning"] = meanings.get(tensor["alias"])
        signature["curl"] = _curl(name, key, signature["inputs"])
        signature["saved_model_cli"] = _saved_model_cli(folder, key, signature["inputs"])
    return {
        "name": name,
        "version": version,
        "directory": str(folder),
        "signatures": signatures,
        "summary": kind.summary(manifest),
        "images": manifest.get("images"),
        "class_names": manifest.get("class_names"),
        "palette": manifest.get("metadata", {}).get("palette"),
        "docker": _docker(folder.parent, name),
        "batching": kind.batching,
        "limits": LIMITS,
    }


def _meanings(recorded):
    tensors = (*recorded.get("inputs", ()), *recorded.get("outputs", ()))
    return {tensor["alias"]: tensor.get("meaning") for tensor in tensors}


def _curl(name, signature, inputs):
    """A request that can be pasted: two grey pixels, or a file such as image.png; None for other inputs."""
    if len(inputs) != 1:
        return None
    alias, dtype, shape = (inputs[0][key] for key in ("alias", "dtype", "shape"))
    if dtype == "string":
        file = shlex.quote(f"{alias.removesuffix('_bytes')}.png")
        value = f'[{{"b64": "\'"$(base64 < {file} | tr -d "\\n")"\'"}}]'
    elif dtype in ("float32", "uint8") and shape is not None and len(shape) == 4:
        grey = 128 if dtype == "uint8" else 0.5
        height, width = shape[1] or 1, shape[2] or 2
        if height * width > 2:
            return None
        value = json.dumps([[[[grey] * (shape[3] or 3)] * width] * height])
    else:
        return None
    body = f'{{"signature_name": {json.dumps(signature)}, "inputs": {{{json.dumps(alias)}: {value}}}}}'
    # On standard input: an encoded image is longer than a command line may be.
    return f"echo '{body}' | curl -d @- http://localhost:8501/v1/models/{name}:predict"


def _saved_model_cli(folder, signature, inputs):
    values = " ".join(shlex.quote(f"{tensor['alias']}={tensor['alias']}.npy") for tensor in inputs)
    return (
        f"saved_model_cli run --dir {shlex.quote(str(folder))} --tag_set serve "
        f"--signature_def {shlex.quote(signature)} --inputs {values} --outdir answers"
    )


def _docker(base, name):
    return (
        f"docker run -p 8500:8500 -p 8501:8501 -v {shlex.quote(f'{base}:/models/{name}')} "
        f"-e MODEL_NAME={shlex.quote(name)} tensorflow/serving"
    )
