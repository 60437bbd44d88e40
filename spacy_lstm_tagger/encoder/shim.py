"""A PyTorchShim whose parameters are treated as thinc treats its own."""

import contextlib
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, Optional, Tuple, TypeVar, cast

import torch
from thinc.api import (
    Optimizer,
    PyTorchShim,
    Shim,
    get_torch_default_device,
    torch2xp,
    xp2torch,
)
from thinc.types import FloatsXd

from ..compat import get_shim_module, set_shim_module
from .changes import WeightsState

Derived = TypeVar("Derived")

# A forked process inherits torch's thread pool without its threads, and waits for
# them forever at its first large operation. One thread needs no pool.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


@dataclass(frozen=True)
class _Derived:
    """Something that was made of weights, with its recipe and the weights of then."""

    recipe: Tuple[Any, ...]
    weights: WeightsState
    value: Any


class AveragingShim(PyTorchShim):
    """A PyTorchShim that mends the following (seen in thinc 8.3.14):

    - Averaged parameters are used: the optimizer keys them by (id, name), while
      PyTorchShim looks for strings.
    - Gradients handed to an optimizer stay valid afterwards, as `nlp.rehearse`
      needs.
    - A copy gets an id of its own, so that two copies can share an optimizer.
    - There may be no module yet: it is None until the layer is initialized or
      loaded.
    - The learning rate of the module may be a multiple of that of the optimizer.

    It also keeps what tagging has made of the weights, until they change.
    """

    # How often thinc has changed the weights, and what was derived from them last.
    _n_changes: int = 0
    _derived: Optional[_Derived] = None
    learn_rate_factor: float = 1.0

    @property
    def module(self) -> Any:
        """The wrapped module, or None."""
        return get_shim_module(self)

    def set_module(self, module: torch.nn.Module) -> None:
        """Wrap another module, on the device that thinc uses now."""
        set_shim_module(self, module.to(get_torch_default_device()))
        self._n_changes += 1

    def derive(self, make: Callable[..., Derived], *arguments: Any) -> Derived:
        """Get something that is made of the weights of the module. It is made anew
        only once they have changed, or for other arguments. (It is not copied, pickled
        or saved.)

        make (Callable[..., Derived]): Makes it of the module and the arguments.
        arguments (Any): Values that can be compared.
        """
        # All is read once, and before anything is made, since another thread may change
        # it: then it is made anew the next time.
        kept, module = self._derived, self.module
        recipe = self._n_changes, module, make, arguments
        if kept is None or kept.recipe != recipe or kept.weights.has_changed():
            weights = WeightsState(module)
            kept = _Derived(recipe, weights, make(module, *arguments))
            self._derived = kept
        return kept.value

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_derived": None}

    def copy(self) -> "AveragingShim":
        """Copy the shim and its module. The copy has an id of its own."""
        # A copy that is made in inference mode could never be trained.
        with torch.inference_mode(False):
            copied = super().copy()
        # Each new shim gets the next id.
        copied.id = Shim(None).id
        return copied

    def finish_update(self, optimizer: Optimizer) -> None:
        """Update the parameters in place, and let go of the gradients."""
        if self.module is None:
            return
        with _multiply_learn_rate(optimizer, self.learn_rate_factor):
            for name, parameter in self.module.named_parameters():
                self._update(name, parameter, optimizer)
        self._n_changes += 1

    def _update(
        self, name: str, parameter: torch.nn.Parameter, optimizer: Optimizer
    ) -> None:
        if parameter.grad is not None:
            weights = cast(FloatsXd, torch2xp(parameter.data))
            gradient = cast(FloatsXd, torch2xp(parameter.grad))
            weights, _ = optimizer((self.id, name), weights, gradient)
            self._assign(parameter, weights)
            # Not zero_(): the optimizer may keep the array for later.
            parameter.grad = None

    @contextlib.contextmanager
    def use_params(self, params: Dict[Tuple[int, str], FloatsXd]) -> Iterator[None]:
        """Use other values for all parameters that have one in `params`, and put
        the present ones back afterwards, whatever happens in between.

        params (Dict[Tuple[int, str], FloatsXd]): The values, keyed by the id of
            the shim and the name of the parameter.
        """
        replaced = {}
        try:
            if self.module is not None:
                for name, parameter in self.module.named_parameters():
                    if (self.id, name) in params:
                        replaced[parameter] = parameter.data.clone()
                        self._assign(parameter, params[(self.id, name)])
            self._n_changes += 1
            yield
        finally:
            for parameter, value in replaced.items():
                parameter.data.copy_(value)
            self._n_changes += 1

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the module, if there is one."""
        if self.module is not None:
            with torch.inference_mode(False):
                super().to_device(device_type, device_id)
            self._n_changes += 1

    def from_bytes(self, bytes_data: bytes) -> "AveragingShim":
        """Load the settings and the module."""
        super().from_bytes(bytes_data)
        self._n_changes += 1
        return self

    def _assign(self, parameter: torch.nn.Parameter, value: FloatsXd) -> None:
        # In place, since cuDNN wants all weights of an LSTM in one piece of memory.
        tensor = xp2torch(value, device=parameter.device)
        if tensor.data_ptr() != parameter.data_ptr():
            parameter.data.copy_(tensor)


@contextlib.contextmanager
def _multiply_learn_rate(optimizer: Optimizer, factor: float) -> Iterator[None]:
    """Multiply the learning rate of an optimizer for a while. What spaCy collects
    gradients with in `nlp.rehearse` has none."""
    learn_rate = getattr(optimizer, "learn_rate", None)
    if learn_rate is None or factor == 1.0:
        yield
        return
    optimizer.learn_rate = learn_rate * factor
    try:
        yield
    finally:
        optimizer.learn_rate = learn_rate
