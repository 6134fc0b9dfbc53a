"""Convert the signature `serving_default` of a SavedModel for other engines.

    python conversion_script.py SAVED_MODEL REPORT.json {onnx,tflite,tflite-dynamic} FILE [...]

A process of its own, as converters change what they import and may end the process where they fail. Nothing of tfapp
is imported. The checks of a served request, which no converter takes along, are lost; so that values that are not
finite do not pass for a first class, the `labels` of an image that holds some are -1, and it has no boxes. The report
has by engine the `versions` of what converted it, or an `error`.
"""

import json
import sys
from pathlib import Path

SIGNATURE = "serving_default"
# ONNX of 2022, which runtimes of today and of then read.
OPSET = 17
# What is answered of an image that cannot be, by output.
NOTHING = {"labels": -1, "classes": -1, "counts": 0}


def main(saved_model, report_file, *targets):
    # The folder of this script must not shadow top-level modules by its own file names.
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if entry != here]

    import tensorflow as tf

    served = tf.Module()
    served.loaded = tf.saved_model.load(saved_model)
    served.function = marked(served.loaded.signatures[SIGNATURE])
    converters = {"onnx": to_onnx, "tflite": to_tflite, "tflite-dynamic": to_dynamic_range}
    report = {}
    for engine, file in zip(targets[::2], targets[1::2], strict=True):
        try:
            report[engine] = {"versions": converters[engine](served, file)}
        except Exception as error:  # a converter may raise anything
            lines = [line for line in str(error).splitlines() if line.strip()]
            report[engine] = {"error": " ".join([type(error).__name__, *lines[:1]])[:300].rstrip(".")}
    Path(report_file).write_text(json.dumps(report), encoding="utf-8")


def marked(signature):
    """The signature as a function of its one input, which marks what cannot be answered."""
    import tensorflow as tf

    [(alias, spec)] = signature.structured_input_signature[1].items()

    @tf.function(input_signature=[tf.TensorSpec(spec.shape, spec.dtype, alias)])
    def answer(images):
        outputs = dict(signature(**{alias: images}))
        # TFLite has no operation for finite numbers; comparisons are false for NaN.
        finite = tf.reduce_all(tf.abs(images) <= images.dtype.max, axis=[1, 2, 3])
        given = [alias for alias in NOTHING if alias in outputs]
        return outputs | {alias: where(finite, outputs[alias], NOTHING[alias]) for alias in given}

    return answer


def where(finite, found, nothing):
    """What was found of each image, or `nothing` where it is not finite."""
    import tensorflow as tf

    shape = tf.concat([tf.shape(finite)[:1], tf.ones(len(found.shape) - 1, tf.int32)], 0)
    return tf.where(tf.reshape(finite, shape), found, nothing)


def to_onnx(served, file):
    import onnx
    import tf2onnx

    handlers = {"FloorMod": (floor_mod, []), "FloorDiv": (floor_div, [])}
    tf2onnx.convert.from_function(
        served.function,
        input_signature=served.function.input_signature,
        opset=OPSET,
        custom_op_handlers=handlers,
        output_path=file,
    )
    onnx.checker.check_model(file)
    return {"tf2onnx": tf2onnx.__version__, "onnx": onnx.__version__, "opset": OPSET}


def floor_mod(context, node, *_):
    """Remainder with the sign of the divisor; tf2onnx truncates whole numbers, so that -33 % 4 would be -1."""
    return remade(context, node, lambda a, b: floored_remainder(context, node, a, b))


def floor_div(context, node, *_):
    def quotient(a, b):
        if is_float(context, node):
            return "Floor", [context.make_node("Div", [a, b]).output[0]]
        _, inputs = floored_remainder(context, node, a, b)
        rest = context.make_node("Mod", inputs).output[0]
        return "Div", [context.make_node("Sub", [a, rest]).output[0], b]

    return remade(context, node, quotient)


def floored_remainder(context, node, a, b):
    if not is_float(context, node):
        return "Mod", [a, b]
    whole = context.make_node("Floor", [context.make_node("Div", [a, b]).output[0]]).output[0]
    return "Sub", [a, context.make_node("Mul", [whole, b]).output[0]]


def is_float(context, node):
    from onnx import TensorProto

    return context.get_dtype(node.input[0]) in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)


def remade(context, node, make):
    """Put the operation that `make` names, with its inputs, in the place of a node."""
    shapes, dtypes, outputs, name = node.output_shapes, node.output_dtypes, node.output, node.name
    inputs = list(node.input)
    operation, arguments = make(*inputs)
    context.remove_node(name)
    return context.make_node(operation, arguments, name=name, outputs=outputs, shapes=shapes, dtypes=dtypes)


def to_tflite(served, file, optimizations=()):
    import tempfile

    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(served, folder, signatures={SIGNATURE: served.function})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.optimizations = list(optimizations)
        Path(file).write_bytes(converter.convert())
    return {"tensorflow": tf.__version__}


def to_dynamic_range(served, file):
    import tensorflow as tf

    return to_tflite(served, file, [tf.lite.Optimize.DEFAULT])


if __name__ == "__main__":
    main(*sys.argv[1:])
