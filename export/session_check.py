"""Run stored requests through TensorFlow's session, as TensorFlow Serving does.

    python session_check.py SAVED_MODEL REQUESTS.npz ANSWERS_FOLDER

Nothing of tfapp is imported and Keras is not called: what this process can compute comes from the
SavedModel alone. Loading it in Python with `tf.saved_model.load` would not do, as that also accepts
folders whose variables the C++ runtime cannot find. Each request goes the way of the server's Predict:
find the signature, compare aliases and dtypes, run the session on the signature's tensor names.

Writes answers.npz (`INDEX/ALIAS`: output) and answers.json (`errors`: sentence by index; `load_error`;
`warmup`: records replayed, the error and, if the records could not be read at all here, the reason).
"""

import json
import sys
from pathlib import Path


def main(saved_model, requests_file, answers_folder):
    # The folder of this script must not shadow top-level modules by its own file names.
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if entry != here]

    import tensorflow as tf

    report = {"load_error": None, "errors": {}, "warmup": {"records": 0, "error": None, "skipped": None}}
    answers = {}
    warmup = read_warmup(Path(saved_model) / "assets.extra" / "tf_serving_warmup_requests", report["warmup"])
    session_api = tf.compat.v1
    with tf.Graph().as_default(), session_api.Session() as session:
        try:
            signatures = session_api.saved_model.load(session, ["serve"], saved_model).signature_def
        except Exception as error:
            report["load_error"] = first_line(error)
        else:
            run_requests(session, signatures, requests_file, answers, report["errors"])
            replay(session, signatures, warmup, report["warmup"])
    write(Path(answers_folder), answers, report)


def run_requests(session, signatures, requests_file, answers, errors):
    for index, (signature, inputs) in read_requests(requests_file).items():
        try:
            outputs = predict(session, signatures, signature, inputs)
        except Exception as error:
            errors[index] = first_line(error)
        else:
            answers.update({f"{index}/{alias}": value for alias, value in outputs.items()})


def predict(session, signatures, name, inputs):
    import numpy as np

    if name not in signatures:
        raise ValueError(f'Serving signature key "{name}" not found')
    signature = signatures[name]
    if set(inputs) != set(signature.inputs):
        raise ValueError(f"input aliases expected {sorted(signature.inputs)}, got {sorted(inputs)}")
    outputs = {alias: info.name for alias, info in signature.outputs.items()}
    feeds = {info.name: checked(inputs[alias], alias, info.dtype) for alias, info in signature.inputs.items()}
    values = {alias: np.asarray(value) for alias, value in session.run(outputs, feeds).items()}
    return {alias: value.astype("S") if value.dtype == object else value for alias, value in values.items()}


def checked(value, alias, dtype):
    import tensorflow as tf

    expected, got = tf.dtypes.as_dtype(dtype), tf.dtypes.as_dtype(value.dtype)
    if expected != got:
        raise ValueError(f"input {alias} expected {expected.name}, got {got.name}")
    return value


def read_requests(requests_file):
    import numpy as np

    found = {}
    with np.load(requests_file, allow_pickle=False) as stored:
        for key in stored.files:
            index, signature, kind, alias = key.split("/")
            inputs = found.setdefault(index, (signature, {}))[1]
            if kind == "inputs":
                inputs[alias] = stored[key]
    return found


def read_warmup(path, report):
    import tensorflow as tf

    if not path.is_file():
        return []
    try:
        records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    except Exception as error:
        report["error"] = first_line(error)
        return []
    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError:
        report["skipped"] = "tensorflow-serving-api is not installed here"
        return []
    try:
        return [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    except Exception as error:
        report["error"] = f"a record is no PredictionLog ({first_line(error)})"
        return []


def replay(session, signatures, warmup, report):
    import tensorflow as tf

    for index, log in enumerate(warmup):
        request = log.predict_log.request
        name = request.model_spec.signature_name or "serving_default"
        try:
            predict(session, signatures, name, {k: tf.make_ndarray(v) for k, v in request.inputs.items()})
        except Exception as error:
            report["error"] = f"record {index} ({name}): {first_line(error)}"
            return
        report["records"] += 1


def first_line(error):
    """The line of a TensorFlow error that says what is wrong, without its headings and stack lines."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    headings = ("Graph execution error", "Detected at node", "Node: ")
    lines = [line for line in text.splitlines() if line.strip() and not line[0].isspace()]
    telling = [line for line in lines if not line.startswith(headings)] or [text.strip()]
    return telling[0][:300].rstrip(".")


def write(folder, answers, report):
    import numpy as np

    np.savez(folder / "answers.npz", **answers)
    (folder / "answers.json").write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
