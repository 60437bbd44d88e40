"""The arrays that a training writes to."""

from typing import Any

import numpy
from thinc.api import Model


def make_writable(model: Model) -> None:
    """Copy the parameters and gradients of a model that can't be written to.

    Arrays that came from another process are often views of memory that is shared with
    others: that of Ray's object store, or joblib's memory maps. thinc's optimizers and
    `Model.inc_grad` write to arrays in place, and fail with "output array is read-only"
    (seen in thinc 8.3.14). Our torch modules are not concerned: torch unpickles copies.

    model (Model): The model. It is changed.
    """
    for node in model.walk():
        for name in node.param_names:
            if node.has_param(name) and _is_read_only(node.get_param(name)):
                node.set_param(name, node.get_param(name).copy())
            if node.has_grad(name) and _is_read_only(node.get_grad(name)):
                node.set_grad(name, node.get_grad(name).copy())


def _is_read_only(array: Any) -> bool:
    # Arrays on a GPU always can be written to, and have no such flag.
    return isinstance(array, numpy.ndarray) and not array.flags.writeable
