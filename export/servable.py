"""What can be exported: the one interface between a model, whatever it does, and the writer."""

from abc import ABC, abstractmethod


class Servable(ABC):
    """A model with all that its export asks of it.

    What is known of an export without its model, years later, is its `Kind`.

    Attributes:
        kind: The `Kind` of the export.
        model: Keras model that answers.
        tolerance: Largest accepted difference of two numbers computed by two runtimes.
    """

    kind = None

    @abstractmethod
    def endpoints(self):
        """Functions to export: dict by signature name of `(function, input signature)`."""

    @abstractmethod
    def stored_requests(self):
        """The requests, with the answers of the Keras model, that go with the artifact."""

    @abstractmethod
    def warmup_requests(self):
        """The requests, with answers, that the server is to run when it loads the version."""

    def further_requests(self):
        """Requests, with answers, that are checked once and not stored."""
        return []

    @abstractmethod
    def meaning(self, alias, dtype):
        """A sentence on what an input or output of this alias and dtype (name) holds."""

    @abstractmethod
    def facts(self):
        """Dict of plain JSON values that the manifest keeps of the model."""

    def assets(self):
        """Further files for clients: dict of text by file name."""
        return {}
