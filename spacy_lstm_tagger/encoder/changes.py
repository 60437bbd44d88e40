"""Notice at little cost that weights have changed."""

from typing import Any, List, Optional, Tuple

from torch.nn import Module, Parameter

from ..compat import count_changes, parameter_tables

# Values of each parameter that are compared.
N_SAMPLES = 8


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
        self._tables = [parameter_tables(owner) for owner in module.modules()]
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
        parameters: List[Parameter] = []
        children: List[Optional[Module]] = []
        for own, below in self._tables:
            parameters += [p for p in own.values() if p is not None]
            children += below.values()
        return (
            children,
            [parameter.data_ptr() for parameter in parameters],
            count_changes(parameters),
            [values.tobytes() for values in self._samples],
        )
