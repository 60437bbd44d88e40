"""Matrix products for tagging, in 32 bits or less.

They multiply states of an LSTM, which are between -1 and 1. So the scale of integers is
known beforehand, and no product depends on the rest of the batch."""

from typing import Callable, Dict, List, Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from ...compat import find_int8_product

# The values of the setting `precision` of `WordCharBiLSTM.v1`.
Precision = Literal["float32", "bfloat16", "int8", "auto"]
AUTO = "auto"
INT8_MAX = 127
# The number of rows of a product in bfloat16. It is always the same, since the CPU's
# library may add up in an order that depends on it.
BLOCK = 128
NO_INT8 = (
    f"Can't tag with 'precision = \"int8\"': torch {torch.__version__} can't multiply "
    f"integers of 8 bits on a CPU. Set another precision, in the config or with "
    f"'spacy.load(path, config=...)', or install another version of torch."
)


class Product(Protocol):
    """The product with a weight matrix for each direction, or with a single one."""

    def add_to(self, sums: Tensor, states: Tensor) -> None:
        """Add the products to `sums`, in place.

        sums (Tensor): Of float32. *Shape:* (n_directions, n, out_width)
        states (Tensor): Of float32, from -1 to 1.
            *Shape:* (n_directions, n, in_width)
        """


class Float32Product:
    """The product in float32.

    weights (Tensor): *Shape:* (n_directions, in_width, out_width)
    """

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    def add_to(self, sums: Tensor, states: Tensor) -> None:
        """See `Product`."""
        sums.baddbmm_(states, self.weights)


class BFloat16Product:
    """The product in bfloat16.

    weights (Tensor): *Shape:* (n_directions, in_width, out_width)
    """

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights.bfloat16()

    def add_to(self, sums: Tensor, states: Tensor) -> None:
        """See `Product`."""
        low = states.bfloat16()
        for part, rows in zip(sums.split(BLOCK, dim=1), low.split(BLOCK, dim=1)):
            n_rows = rows.shape[1]
            padded = functional.pad(rows, (0, 0, 0, BLOCK - n_rows))
            part.add_(torch.bmm(padded, self.weights)[:, :n_rows])


class Int8Product:
    """The product in integers of 8 bits, with a scale for each column of the weights.

    weights (Tensor): *Shape:* (n_directions, in_width, out_width)
    RAISES (ValueError): If this torch can't multiply them.
    """

    def __init__(self, weights: Tensor) -> None:
        multiply = find_int8_product()
        if multiply is None:
            raise ValueError(NO_INT8)
        self._multiply = multiply
        largest = weights.abs().amax(dim=1, keepdim=True).clamp_min(1e-12)
        self.weights = (weights * (INT8_MAX / largest)).round().to(torch.int8)
        self.scale = largest / INT8_MAX**2

    def add_to(self, sums: Tensor, states: Tensor) -> None:
        """See `Product`."""
        integers = (states * INT8_MAX).round_().to(torch.int8)
        for direction in range(len(self.weights)):
            product = self._multiply(integers[direction], self.weights[direction])
            sums[direction].addcmul_(product.float(), self.scale[direction])


PRODUCTS: Dict[str, Callable[[Tensor], Product]] = {
    "float32": Float32Product,
    "bfloat16": BFloat16Product,
    "int8": Int8Product,
}


def available_products() -> Dict[str, Callable[[Tensor], Product]]:
    """Return the precisions that this torch can multiply in on a CPU, "float32"
    first."""
    has_int8 = find_int8_product() is not None
    return {n: make for n, make in PRODUCTS.items() if n != "int8" or has_int8}


def validate_precision(precision: str) -> None:
    """Raise a ValueError if there is no such precision, or not with this torch."""
    names: List[str] = [*PRODUCTS, AUTO]
    if precision not in names:
        raise ValueError(
            f"Can't tag with 'precision = \"{precision}\"': it needs to be one of "
            f"{names}."
        )
    if precision not in (*available_products(), AUTO):
        raise ValueError(NO_INT8)


def use_mixed_precision(precision: str, device: torch.device) -> bool:
    """Return whether a GPU multiplies in bfloat16, in training and in tagging."""
    return device.type == "cuda" and precision in ("bfloat16", AUTO)
