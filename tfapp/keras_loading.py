"""Open anybody's `.keras` file, or say in one sentence why that is not possible."""

import re
import zipfile

from tfapp.errors import InputError


def load_keras_model(path):
    """Return the model of a `.keras` file, not compiled.

    Args:
        path: `Path` of the file. It is loaded in Keras's safe mode: no code from the file is run.

    Raises:
        InputError: The file is missing, damaged, or needs what is not installed or not known here.
    """
    import keras

    if not path.is_file():
        raise InputError(f"The model {path} does not exist; expected a .keras file.")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is empty, damaged or not a file that Keras's model.save() wrote.")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(_why_not_loaded(path, str(error))) from error


def _why_not_loaded(path, reason):
    if "Lambda" in reason:
        return (
            f"{path} has a Lambda layer, whose code is not run from a file; write the layer as a class or an operation "
            "of keras.ops and save the model again."
        )
    package = re.search(r"its parent module (\w+)[\w.]* cannot be imported", reason)
    if package:
        return f"{path} needs the package {package[1]}, which is not installed here."
    unknown = re.search(r"Could not locate (class|function) '([^']+)'", reason)
    if unknown:
        return (
            f"{path} needs the {unknown[1]} {unknown[2]}, which is not known here; use tfapp.layers.regularise and "
            "tfapp.export.export in code that imports it."
        )
    return f"{path} cannot be loaded: it is damaged, or of another Keras ({_first_sentence(reason)})."


def _first_sentence(text):
    return text.strip().partition("\n")[0].partition(". ")[0].rstrip(".")[:200]
