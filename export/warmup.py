"""Warm-up requests that TensorFlow Serving runs once when it loads a version.

The first request at a new image size is slower than the next ones; the server pays that before it takes
traffic. A record that fails makes the server refuse the version, so every record is replayed before a
version is published.
"""

from tfapp.export.errors import ExportError

MAX_RECORDS = 1000  # TensorFlow Serving refuses longer files
FILE_NAME = "tf_serving_warmup_requests"


def write_warmup(extra_folder, requests, model_name):
    """Write `requests` to `extra_folder` as a TFRecord file of PredictionLog.

    Args:
        extra_folder: Folder `assets.extra` of the SavedModel.
        requests: List of `Request`.
        model_name: Name in the requests; the server ignores it here.

    Returns:
        Tuple of the number of records and a sentence that says why there are none, or None.

    Raises:
        ExportError: more than 1000 records.
    """
    if len(requests) > MAX_RECORDS:
        raise ExportError(
            f"`warmup_sizes` must make at most {MAX_RECORDS} records, one per signature and size. "
            f"Received: {len(requests)} records."
        )
    if not requests:
        return 0, "No warm-up requests were written, as `warmup_sizes` is empty."
    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError:
        return 0, (
            "No warm-up requests were written, as tensorflow-serving-api is missing: "
            "pip install tfapp[serving]."
        )
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(extra_folder / FILE_NAME)) as writer:
        for request in requests:
            log = prediction_log_pb2.PredictionLog()
            call = log.predict_log.request
            call.model_spec.name = model_name
            call.model_spec.signature_name = request.signature
            for alias, value in request.inputs.items():
                call.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())
    return len(requests), None
