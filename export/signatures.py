"""Signatures as they stand in `saved_model.pb`; nothing is loaded or run."""

from tfapp.export.errors import ExportError


def read_signatures(saved_model):
    """Read the signatures of the folder `saved_model`.

    Args:
        saved_model: Path of a folder with `saved_model.pb`.

    Returns:
        Dict by signature name of `inputs` and `outputs`, each a list of dicts `alias`, `dtype` (name),
        `shape` (list of int or None, or None where the rank is open) and `tensor` (name in the graph),
        sorted by alias; `serving_default` comes first. Signatures of TensorFlow's own use
        (`__saved_model_init_op`) are left out.

    Raises:
        ExportError: the file cannot be parsed, or has no graph tagged `serve`.
    """
    definitions = _served_graph(saved_model).signature_def
    names = sorted((name for name in definitions if not name.startswith("__")), key=_default_first)
    return {
        name: {"inputs": _tensors(definitions[name].inputs), "outputs": _tensors(definitions[name].outputs)}
        for name in names
    }


def compiled_functions(saved_model):
    """Return the names of the functions of the folder `saved_model` that are to be compiled with XLA."""
    functions = _served_graph(saved_model).graph_def.library.function
    return [function.signature.name for function in functions if function.attr["_XlaMustCompile"].b]


def _served_graph(saved_model):
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    path = saved_model / "saved_model.pb"
    try:
        graphs = saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs
    except DecodeError as error:
        raise ExportError(f"{path} is damaged: it cannot be read as a SavedModel.") from error
    served = [graph for graph in graphs if "serve" in graph.meta_info_def.tags]
    if not served:
        raise ExportError(f"{path} has no graph with the tag `serve`, which TensorFlow Serving looks for.")
    return served[0]


def _default_first(name):
    return name != "serving_default", name


def _tensors(infos):
    from tensorflow import dtypes

    return [
        {
            "alias": alias,
            "dtype": dtypes.as_dtype(info.dtype).name,
            "shape": _shape(info.tensor_shape),
            "tensor": info.name,
        }
        for alias, info in sorted(infos.items())
    ]


def _shape(proto):
    if proto.unknown_rank:
        return None
    return [None if axis.size < 0 else axis.size for axis in proto.dim]
