"""Options of layers that are set after construction: checked, and refused where the set would change nothing."""

from contextlib import contextmanager

import tensorflow as tf


class CheckedOptions:
    """Mixin in front of `keras.layers.Layer`: options hold from the moment they are set, or are refused.

    A layer reads its options while a graph is traced. `predict`, `fit` and every `tf.function` keep that graph, which
    goes on with the options that it was traced with, while `get_config` and a saved file tell the new ones. So an
    option can be set until the layer is part of a graph.

    A subclass has the names of its options in `OPTIONS`; those that variables, other layers or the form of the output
    depend on in `BUILT_IN` too, which are refused once the layer is built. What Keras itself sets is let through.
    Options that version 0.1 did not have stand in `LATER` with their defaults: with these the layer is that of version
    0.1, as which stored results of it know it.
    """

    OPTIONS = ()
    BUILT_IN = ()
    LATER = {}

    def __call__(self, *args, **kwargs):
        self.note_graph()
        return super().__call__(*args, **kwargs)

    def __setattr__(self, name, value):
        if name in self.OPTIONS:
            value = self.checked(name, value)
            before = self.__dict__.get(name, value)
            if value is not before and value != before:
                self._refuse_unheard(name, before, value)
        super().__setattr__(name, value)

    @contextmanager
    def with_options(self, **options):
        """Within this, some options have other values: for graphs that are traced anew and called here alone."""
        before = {name: self.__dict__[name] for name in options}
        self.__dict__.update(options)
        try:
            yield self
        finally:
            self.__dict__.update(before)

    def checked(self, name, value):
        """Return an option in its own type.

        Raises:
            ValueError: If it is out of its range.
        """
        del name
        return value

    def note_graph(self):
        """Remember that a graph is being traced, if one is that is kept."""
        if tf.executing_eagerly():
            return
        # Keras finds the shape of an output by a graph of this name, which nobody calls.
        graph = tf.compat.v1.get_default_graph()
        while graph is not None and not getattr(graph, "name", "").startswith("scratch_graph"):
            graph = getattr(graph, "outer_graph", None)
        if graph is None:
            self.__dict__["_has_graph"] = True

    def is_built_in(self, name):
        """Return whether an option can no longer change, whatever is traced."""
        return self.built and name in self.BUILT_IN

    def is_traced(self, name):
        """Return whether a graph may go on with an option as it is."""
        del name
        return self.__dict__.get("_has_graph", False)

    def _refuse_unheard(self, name, before, value):
        change = f"`{name}` of the layer {self.name!r} cannot be changed from {before!r} to {value!r}"
        if self.is_built_in(name):
            raise ValueError(f"{change} once the layer is built; make a new layer with the other `{name}`.")
        if self.is_traced(name):
            raise ValueError(
                f"{change} once a graph was traced with it, by `fit`, `predict` or a `tf.function`, which would go on "
                "with the old one: set it before the first of these, or in a copy of the model, made by "
                "`keras.models.clone_model` or saved and loaded."
            )
