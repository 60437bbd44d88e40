"""A PyTorchShim that keeps what thinc promises for its own parameters."""

import contextlib
import os
from typing import Any, Callable, Dict, Iterator, Optional, Tuple, TypeVar, cast

import torch
from thinc.optimizers import Optimizer
from thinc.shims import PyTorchShim, Shim
from thinc.types import FloatsXd
from thinc.util import get_torch_default_device, torch2xp, xp2torch

Derived = TypeVar("Derived")

# A forked process inherits torch's thread pool without its threads, and waits for
# them forever at its first large operation. One thread needs no pool.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


class AveragingShim(PyTorchShim):
    """Mends what falls short in thinc's PyTorchShim (seen in thinc 8.3.14):

    - Averaged parameters are used: the optimizer keys them by (id, name), while
      PyTorchShim looks for strings.
    - Gradients handed to an optimizer stay valid afterwards, as `nlp.rehearse`
      needs.
    - A copy gets an id of its own, so that two copies can share an optimizer.
    - There may be no module yet: it is None until the layer is initialized or
      loaded.

    And it keeps what tagging has made of the weights, until they change.
    """

    # How tagging multiplies. See `WordCharBiLSTM.v1`.
    precision: str = "float32"

    # How often the weights have changed, and what was derived from them last.
    _n_changes: int = 0
    _derived: Optional[Tuple[int, Any]] = None

    @property
    def module(self) -> Any:
        """The wrapped module, or None."""
        return self._model

    def set_module(self, module: torch.nn.Module) -> None:
        """Wrap another module, on the device that thinc uses now."""
        self._model = module.to(get_torch_default_device())
        self._n_changes += 1

    def derive(self, make: Callable[[Any], Derived]) -> Derived:
        """Get something that is made of the weights of the module. It is made anew
        only once they have changed. (It is not copied, pickled or saved.)

        make (Callable[[Any], Derived]): Makes it of the module. Always the same.
        """
        n_changes, derived = self._n_changes, self._derived
        if derived is None or derived[0] != n_changes:
            derived = n_changes, make(self._model)
            self._derived = derived
        return derived[1]

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_derived": None}

    def copy(self) -> "AveragingShim":
        """Copy the shim and its module. The copy has an id of its own."""
        copied = super().copy()
        with Shim.global_id_lock:
            Shim.global_id += 1
            copied.id = Shim.global_id
        return copied

    def finish_update(self, optimizer: Optimizer) -> None:
        """Update the parameters in place, and let go of the gradients."""
        if self._model is None:
            return
        for name, parameter in self._model.named_parameters():
            if parameter.grad is not None:
                weights = cast(FloatsXd, torch2xp(parameter.data))
                gradient = cast(FloatsXd, torch2xp(parameter.grad))
                weights, _ = optimizer((self.id, name), weights, gradient)
                self._assign(parameter, weights)
                # Not zero_(): the optimizer may keep the array for later.
                parameter.grad = None
        self._n_changes += 1

    @contextlib.contextmanager
    def use_params(self, params: Dict[Tuple[int, str], FloatsXd]) -> Iterator[None]:
        """Use other values for all parameters that have one in `params`, and put
        the present ones back afterwards, whatever happens in between.

        params (Dict[Tuple[int, str], FloatsXd]): The values, keyed by the id of
            the shim and the name of the parameter.
        """
        replaced = {}
        if self._model is not None:
            for name, parameter in self._model.named_parameters():
                if (self.id, name) in params:
                    replaced[parameter] = parameter.data.clone()
                    self._assign(parameter, params[(self.id, name)])
        self._n_changes += 1
        try:
            yield
        finally:
            for parameter, value in replaced.items():
                parameter.data.copy_(value)
            self._n_changes += 1

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the module, if there is one."""
        if self._model is not None:
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
