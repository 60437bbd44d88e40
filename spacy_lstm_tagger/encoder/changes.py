"""Notice that weights have changed, by whatever way and at little cost."""

from typing import Any, List, Tuple

from torch.nn import Parameter

from ..compat import count_changes

# Values of each parameter that are compared.
N_SAMPLES = 8


class WeightsState:
    """The state of some parameters on a CPU, to compare with a later one.

    torch counts changes in place, but not those through `parameter.data` or through
    numpy, and another tensor may be assigned to `parameter.data`. So three things are
    compared: these counts, the places in memory, and a few values of each parameter.
    What may be missed is a change of single values of a large parameter, through
    `parameter.data` or numpy.

    parameters (List[Parameter]): The parameters.
    """

    def __init__(self, parameters: List[Parameter]) -> None:
        # Views, which also keep others from getting the same places in memory.
        self._samples = [
            values[:: max(1, len(values) // N_SAMPLES)]
            for values in (p.detach().numpy().reshape(-1) for p in parameters)
        ]
        self._state = self._read(parameters)

    def are_still(self, parameters: List[Parameter]) -> bool:
        """Return whether parameters are the same, and have not changed."""
        return self._read(parameters) == self._state

    def _read(self, parameters: List[Parameter]) -> Tuple[Any, ...]:
        return (
            count_changes(parameters),
            [parameter.data_ptr() for parameter in parameters],
            [values.tobytes() for values in self._samples],
        )
