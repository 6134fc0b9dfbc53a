"""The dual TV problem of given logits: what its solvers and its gradients are made of."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfapp.layers.tv.linear_operator import LinearOperator
from tfapp.layers.tv.operators import per_sample, project
from tfapp.layers.tv.potentials import Potential

# Share of the step's curvature that the prices of the class shares may take, beside that of the lengths.
_PRICES_SHARE = 0.25


class Shares(NamedTuple):
    """Bounds of the share of the pixels that each class takes, planes (classes, batch, 1, ...), in [0, 1]."""

    least: tf.Tensor
    most: tf.Tensor


@dataclass(frozen=True)
class DualProblem:
    """min over fields zeta with |zeta| <= lambda  of  sum phi(o + K^T zeta), and with bounds of the class shares.

    A field is a tuple of planes: the parts of the operator, and behind them, where shares are bounded, the prices of
    the classes (classes, batch, 1, ...), which are added to the logits of all pixels: eta, in units in which its
    operator's norm is `_PRICES_SHARE` of that of the lengths.

    Attributes:
        o: Logits as planes (classes, batch, *spatial).
        radius: lambda >= 0, a tensor that broadcasts to the planes.
        phi: The `Potential`.
        operator: The `LinearOperator`.
        groups: Numbers of parts that one length joins.
        huber: Length below which a length counts by its square, >= 0.
        shares: `Shares`, or None.
    """

    o: tf.Tensor
    radius: tf.Tensor
    phi: Potential
    operator: LinearOperator
    groups: tuple[int, ...]
    huber: float = 0.0
    shares: Shares | None = None

    @property
    def axes(self):
        return self.o.shape.rank - 2

    @property
    def step(self):
        """The largest proven step, a Python float: 1 / (|J| |D|^2), 1/4 for the softmax of images."""
        return 1.0 / (self.phi.bound * self._norm_squared * (1 if self.shares is None else 1 + _PRICES_SHARE))

    @property
    def parts(self):
        """The number of parts of a field that belong to the operator."""
        return sum(self.groups)

    def zeros(self):
        """Return the field to begin with."""
        field = self.operator.zeros(self.o)
        return field if self.shares is None else (*field, tf.zeros_like(self.shares.least))

    def output(self, field):
        """Return A = phi'(o + K^T zeta)."""
        return self.phi.gradient(self.logits(field))

    def logits(self, field):
        """Return u = o + K^T zeta, the regularised logits."""
        return self.o + self.adjoint(field)

    def apply(self, a):
        """Return K a, with the sums of the classes where shares are bounded."""
        field = self.operator.apply(a)
        return field if self.shares is None else (*field, self.price_scale * self._sums(a))

    def adjoint(self, field):
        """Return K^T zeta, with the prices of the classes."""
        total = self.operator.adjoint(field[: self.parts])
        return total if self.shares is None else total + self.price_scale * field[self.parts]

    def inner(self, field, other):
        """Return the inner product of two fields for each sample, (batch,)."""
        products = [f * g for f, g in zip(field, other, strict=True)]
        total = per_sample(tf.add_n(products[: self.parts]))
        return total if self.shares is None else total + per_sample(products[self.parts])

    def descended(self, field, slope, step):
        """Return the next field from one and the slope K A there: a gradient step, then the nearest feasible field."""
        moved = tuple(z - step * s for z, s in zip(field, slope, strict=True))
        return self.feasible(moved, step)

    def feasible(self, field, step=0.0):
        """Return the proximal point of a field: its projection, and the prices that the bounds leave."""
        lengths = self._projected(field[: self.parts], step)
        if self.shares is None:
            return lengths
        least, most = self.bounds
        price = field[self.parts]
        risen, fallen = price + step * least, price + step * most
        return (*lengths, tf.maximum(risen, 0.0) + tf.minimum(fallen, 0.0))

    def gap(self, field):
        """Return the duality gap per pixel of each sample, (batch,), at a feasible field.

        With bounded shares it is that of the output, which must keep them, up to the term of what it misses.
        """
        slope = self.apply(self.output(field))
        total = 0.0
        for z, s in zip(self.grouped(field), self.grouped(slope), strict=True):
            if self._is_alone(z):
                # Term by term, so that what cancels exactly cancels in floating point too.
                total += per_sample(self._cost(tf.abs(s[0])) + s[0] * z[0] + self._conjugate(z))
            else:
                products = tf.add_n([one * other for one, other in zip(s, z, strict=True)])
                if self.operator.is_coupled:
                    products = tf.reduce_sum(products, axis=0, keepdims=True)
                total += per_sample(self._cost(self.length(s)) + products + self._conjugate(z))
        if self.shares is not None:
            least, most = self.bounds
            price, sums = field[self.parts], slope[self.parts]
            total += per_sample(tf.nn.relu(price) * (sums - least) - tf.nn.relu(-price) * (sums - most))
        return total / self.pixels

    def value(self, field):
        """Return the dual objective of each sample, (batch,), which the solvers make small."""
        total = per_sample(self.phi.terms(self.logits(field)))
        if self.huber:
            for z in self.grouped(field):
                total += per_sample(self._conjugate(z))
        if self.shares is not None:
            least, most = self.bounds
            price = field[self.parts]
            total -= per_sample(tf.nn.relu(price) * least - tf.nn.relu(-price) * most)
        return total

    @property
    def pixels(self):
        """The number of pixels of an image, in the type of the logits."""
        return tf.cast(tf.reduce_prod(tf.shape(self.o)[2:]), self.o.dtype)

    def grouped(self, field):
        """Return the parts of a field that one length joins each, a list of tuples."""
        ends = np.cumsum(self.groups)
        return [tuple(field[end - size : end]) for end, size in zip(ends, self.groups, strict=True)]

    def length(self, parts):
        """Return the length of the vectors of a group at each pixel: (classes or 1, batch, *spatial)."""
        return tf.abs(parts[0]) if self._is_alone(parts) else tf.sqrt(self._squared(parts))

    def along(self, normal, parts):
        """Return the inner product at each pixel of the vectors of two groups, shaped as `length`."""
        total = tf.add_n([n * p for n, p in zip(normal, parts, strict=True)])
        return tf.reduce_sum(total, axis=0, keepdims=True) if self.operator.is_coupled else total

    @property
    def bounds(self):
        """The least and the largest sum of each class, in the units of a field's last part."""
        whole = self.price_scale * self.pixels
        return whole * self.shares.least, whole * self.shares.most

    @property
    def price_scale(self):
        """The number by which prices are multiplied where they meet the logits, a scalar tensor."""
        return tf.cast(tf.sqrt(_PRICES_SHARE * self._norm_squared / self.pixels), self.o.dtype)

    def _is_alone(self, parts):
        return len(parts) == 1 and not self.operator.is_coupled

    def _squared(self, parts):
        squared = tf.add_n([tf.square(part) for part in parts])
        return tf.reduce_sum(squared, axis=0, keepdims=True) if self.operator.is_coupled else squared

    def _cost(self, length):
        if not self.huber:
            return self.radius * length
        below = 0.5 * tf.square(length) / self.huber
        return self.radius * tf.where(length <= self.huber, below, length - 0.5 * self.huber)

    def _conjugate(self, parts):
        """Return the conjugate of lambda times the length at feasible parts, 0 for lengths themselves."""
        if not self.huber:
            return 0.0
        movable = tf.where(self.radius > 0, self.radius, tf.ones_like(self.radius))
        return 0.5 * self.huber * self._squared(parts) / movable

    def _projected(self, field, step):
        shrink = 1.0
        if self.huber:
            # Where lambda is 0 the projection leaves nothing of it.
            movable = tf.where(self.radius > 0, self.radius, tf.ones_like(self.radius))
            shrink = tf.math.reciprocal(1.0 + step * self.huber / movable)
        projected = []
        for parts in self.grouped(field):
            parts = tuple(shrink * part for part in parts) if self.huber else parts
            alone = self._is_alone(parts)
            squared = None if alone else self._squared(parts)
            projected += project(parts, self.radius, not alone, squared)
        return tuple(projected)

    @property
    def _norm_squared(self):
        return self.operator.norm_squared(self.axes)

    def _sums(self, a):
        return tf.reduce_sum(a, axis=list(range(2, a.shape.rank)), keepdims=True)
