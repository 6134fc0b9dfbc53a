"""Run stored requests of `serving_default` on an engine beside TensorFlow's session.

    python answers_script.py {onnx,tflite,tflite-dynamic,openvino} FILE REQUESTS.npz ANSWERS_FOLDER

A process of its own, as engines bring threads and libraries that do not bear each other. Nothing of tfapp is
imported. Writes answers.npz (`INDEX/ALIAS`: output) and answers.json (`errors`: sentence by index; `load_error`;
`engine`: the engine with its version), as the check by the session does.
"""

import json
import sys
from pathlib import Path


def main(engine, file, requests_file, answers_folder):
    # The folder of this script must not shadow top-level modules by its own file names.
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if entry != here]

    import numpy as np

    report, answers = {"load_error": None, "errors": {}, "engine": engine}, {}
    try:
        report["engine"], ask = OPENERS[engine](file)
    except Exception as error:
        report["load_error"] = first_line(error)
    else:
        for index, inputs in read_inputs(requests_file).items():
            try:
                outputs = ask(inputs)
            except Exception as error:
                report["errors"][index] = first_line(error)
            else:
                answers |= {f"{index}/{alias}": value for alias, value in outputs.items()}
    folder = Path(answers_folder)
    np.savez(folder / "answers.npz", **answers)
    (folder / "answers.json").write_text(json.dumps(report), encoding="utf-8")


def open_onnx(file):
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return f"onnxruntime {onnxruntime.__version__}", lambda inputs: dict(
        zip(names, session.run(names, inputs), strict=True)
    )


def open_tflite(file):
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_path=file)

    def ask(inputs):
        [value] = inputs.values()
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], value.shape)
        interpreter.allocate_tensors()
        return interpreter.get_signature_runner("serving_default")(**inputs)

    return f"TFLite of tensorflow {tf.__version__}", ask


def open_openvino(folder):
    import openvino

    core = openvino.Core()
    # Processors with half-precision units would use those unasked.
    model = core.compile_model(core.read_model(folder), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def ask(inputs):
        found = model(inputs)
        return {output.get_any_name(): found[output] for output in model.outputs}

    return f"openvino {openvino.__version__}", ask


OPENERS = {"onnx": open_onnx, "tflite": open_tflite, "tflite-dynamic": open_tflite, "openvino": open_openvino}


def read_inputs(requests_file):
    import numpy as np

    found = {}
    with np.load(requests_file, allow_pickle=False) as stored:
        for key in stored.files:
            index, _, kind, alias = key.split("/")
            if kind == "inputs":
                found.setdefault(index, {})[alias] = stored[key]
    return found


def first_line(error):
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0][:300].rstrip(".")


if __name__ == "__main__":
    main(*sys.argv[1:])
