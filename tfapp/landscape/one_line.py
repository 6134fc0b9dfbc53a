"""Messages of Keras and TensorFlow as part of one sentence."""

import re


def one_line(error: Exception) -> str:
    """Return the message on one line, without colours, the arguments of a layer and the full stop."""
    text = re.sub(r"\x1b\[\d*m", "", str(error)).split("Arguments received")[0]
    return " ".join(text.split()).rstrip(".")
