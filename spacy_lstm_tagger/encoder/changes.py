"""Notice at little cost that weights have changed."""

from typing import Any, Tuple

from torch.nn import Module

from ..compat import count_changes, parameter_tables

# Values of each parameter that are compared.
N_SAMPLES = 4


class WeightsState:
    """The state of the weights of a module on the CPU, to compare with a later one.

    torch counts changes in place, but not those through `parameter.data` or through
    numpy, and another tensor may be assigned to `parameter.data`. So three things are
    compared: these counts, the places in memory, and a few values of each parameter.
    What may be missed is a change of single values of a large parameter, through
    `parameter.data` or numpy.

    module (Module): The module.
    """

    def __init__(self, module: Module) -> None:
        tables = [parameter_tables(owner) for owner in module.modules()]
        self._own = [own for own, _ in tables if own]
        self._below = [below for _, below in tables if below]
        # Views, which also keep others from getting the same places in memory.
        self._samples = [
            values[:: max(1, len(values) // N_SAMPLES)]
            for values in (p.detach().numpy().reshape(-1) for p in module.parameters())
        ]
        self._state = self._read()

    def has_changed(self) -> bool:
        """Return whether the weights are others now."""
        return self._read() != self._state

    def _read(self) -> Tuple[Any, ...]:
        # In as few steps as possible: it is done for each batch, however small.
        parameters = [p for own in self._own for p in own.values() if p is not None]
        return (
            [child for below in self._below for child in below.values()],
            [parameter.data_ptr() for parameter in parameters],
            count_changes(parameters),
            [values.tobytes() for values in self._samples],
        )
