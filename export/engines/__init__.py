"""The same artifact for other engines: ONNX and TFLite files beside it, OpenVINO on the SavedModel itself."""
