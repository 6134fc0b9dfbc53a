"""What a call of a server can fail with, in the words of gRPC's status codes, whichever way the call went."""

import re

from tfapp.export.errors import ExportError

# What another try may mend: the server is starting, overloaded, or was restarted in the middle of an answer.
RETRIED = ("UNAVAILABLE",)
# What lies in one request: others can be answered all the same.
OF_THE_REQUEST = ("INVALID_ARGUMENT", "OUT_OF_RANGE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "MISMATCH")


class ServingError(ExportError):
    """A server does not answer, or not as it was asked.

    The message is one sentence for a person: what was expected, what came, how to mend it.

    Attributes:
        code: Name of the status of gRPC that fits, such as "INVALID_ARGUMENT"; "MISMATCH" for an answer that is not
            what the signature promises, "CLOSED" for a call of a client that is closed.
    """

    def __init__(self, sentence, code):
        super().__init__(sentence)
        self.code = code

    @property
    def is_retried(self):
        return self.code in RETRIED

    @property
    def of_the_request(self):
        """Whether another request may be answered all the same."""
        return self.code in OF_THE_REQUEST


def refusal(code, told, server, model):
    """Return the `ServingError` for what a server answered in place of outputs.

    Args:
        code: Name of the status.
        told: The server's own words.
        server: The address, for the sentence.
        model: Name of the model and what of it was asked for, for the sentence.
    """
    words = plain_words(told)
    sentences = {
        "NOT_FOUND": f"{server} does not serve {model}: {words}; see what it serves, or wait until it has loaded it.",
        "INVALID_ARGUMENT": f"{server} refuses the request: {words}.",
        "UNAVAILABLE": f"{server} is not ready: {words}; try again later.",
        "RESOURCE_EXHAUSTED": f"{server} has no room for the request: {words}; send less at a time.",
        "UNAUTHENTICATED": f"{server} wants to know who asks: {words}; it needs a way in that this client has not.",
        "PERMISSION_DENIED": f"{server} does not allow it: {words}.",
    }
    return ServingError(sentences.get(code, f"{server} fails with {code}: {words}."), code)


def too_late(server, deadline):
    """Return the `ServingError` for a deadline that has passed."""
    return ServingError(
        f"{server} did not answer within {deadline:g} s, all tries together; give it more time (`deadline`), or "
        "smaller images.",
        "DEADLINE_EXCEEDED",
    )


def too_large(what, size, limit, way_out):
    """Return the `ServingError` for a message beyond the client's limit.

    Args:
        what: "request" or "answer".
        size: Its bytes, or None where they are not known.
        limit: The limit in bytes.
        way_out: What else can be done than to raise it.
    """
    found = "more" if size is None else f"{size:,} bytes"
    return ServingError(
        f"The {what} would take {found}; expected at most {limit:,} bytes, the limit of this client: raise "
        f"`max_message`, or {way_out}.",
        "RESOURCE_EXHAUSTED",
    )


def plain_words(told):
    """Return the words of a server's message that a person needs, without full stop.

    TensorFlow wraps the message of an assertion in brackets and follows it with names of nodes.

    Example:
        >>> plain_words("assertion failed: [image_bytes, file] [2] [Unknown image]\\n\\t [[{{node Assert}}]]")
        'image_bytes, file 2 Unknown image'
    """
    line = next((line for line in str(told).splitlines() if line.strip()), "without a word").strip()
    line = re.sub(r"^\d+ root error\(s\) found\.?\s*", "", line)
    line = re.sub(r"\s*\[\[?\{\{node .*$", "", line)
    asserted = re.search(r"assertion failed: ((?:\[.*\])+)", line)
    if asserted:
        line = " ".join(re.findall(r"\[([^\[\]]*)\]", asserted[1])) or line
    return line[:400].rstrip(". ")
