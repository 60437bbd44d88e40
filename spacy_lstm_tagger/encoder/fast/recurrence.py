"""The recurrence of a bidirectional LSTM layer, for tagging.

`torch.nn.LSTM` multiplies its inputs by their weights before anything else. Where the
inputs of a layer depend on the word form alone, so do these products: they are made
once for each form and kept. What is left is the product with the hidden state."""

import math
import time
from typing import Dict, Optional, Tuple

import torch
from torch import Tensor

from .precision import Product, available_products

N_DIRECTIONS = 2

# A precision is chosen only if it takes less than this share of the time of the best
# one before it, so that noise does not decide.
CLEARLY_FASTER = 0.9
# The size of the measurement.
N_STEPS, N_LANES, N_REPEATS = 16, 128, 5


def separator(width: int) -> Tensor:
    """Return what stands between two sequences: gates that let nothing in, keep nothing
    and let nothing out, so that both states are exactly 0 afterwards.

    width (int): Width of the hidden state.
    RETURNS (Tensor): *Shape:* (4 * width,)
    """
    gates = torch.full((4 * width,), -torch.inf, dtype=torch.float32, device="cpu")
    gates[3 * width :] = 0.0
    return gates


class StateInputs:
    """Inputs that can't be multiplied beforehand: states of the layer below.

    vectors (Tensor): The states of each token. *Shape:* (n_rows, in_width)
    rows (Tensor): The row that each direction meets at each step of each lane.
        *Shape:* (n_steps, n_lanes, 2)
    product (Product): The product with the weights.
    """

    def __init__(self, vectors: Tensor, rows: Tensor, product: Product) -> None:
        self._vectors = vectors
        self._rows = rows.flatten(1)
        self._product = product
        self._met = vectors.new_empty((*rows.shape[1:], vectors.shape[1]))

    def add_to(self, sums: Tensor, step: int) -> None:
        """Add their products to the gates. *Shape:* (2, n_lanes, 4 * width)"""
        met = self._met.flatten(0, 1)
        torch.index_select(self._vectors, 0, self._rows[step], out=met)
        self._product.add_to(sums, self._met.transpose(0, 1))


def read_lanes(
    gates: Tensor,
    rows: Tensor,
    recurrent: Product,
    inputs: Optional[StateInputs] = None,
) -> Tensor:
    """Read sequences in both directions, side by side in lanes and in each lane one
    after the other.

    gates (Tensor): The part of the gates that is known beforehand: the bias and, in
        the first layer, the products of the inputs and their weights. The order is
        input gate, forget gate, output gate, cell candidate.
        *Shape:* (n_rows, 4 * width)
    rows (Tensor): The row that each direction meets at each step of each lane; a
        `separator` between sequences. *Shape:* (n_steps, n_lanes, 2)
    recurrent (Product): The product with the recurrent weights.
    inputs (Optional[StateInputs]): The inputs of other layers.
    RETURNS (Tensor): The hidden states. *Shape:* (n_steps, n_lanes, 2, width)
    """
    n_steps, n_lanes, _ = rows.shape
    width = gates.shape[1] // 4
    hidden = gates.new_empty((n_steps, n_lanes, N_DIRECTIONS, width))
    cell = gates.new_zeros((n_lanes, N_DIRECTIONS, width))
    squashed = torch.empty_like(cell)
    sums = gates.new_empty((n_lanes, N_DIRECTIONS, 4 * width))
    flat, by_direction = sums.flatten(0, 1), sums.transpose(0, 1)
    sigmoids, candidate = sums[..., : 3 * width], sums[..., 3 * width :]
    input_gate, forget_gate, output_gate = sigmoids.chunk(3, dim=2)
    previous = None
    for step, (row, states) in enumerate(zip(rows.flatten(1), hidden)):
        torch.index_select(gates, 0, row, out=flat)
        if inputs is not None:
            inputs.add_to(by_direction, step)
        if previous is not None:
            recurrent.add_to(by_direction, previous)
        sigmoids.sigmoid_()
        candidate.tanh_()
        cell.mul_(forget_gate).addcmul_(input_gate, candidate)
        torch.tanh(cell, out=squashed)
        torch.mul(output_gate, squashed, out=states)
        previous = states.transpose(0, 1)
    return hidden


def find_fastest(width: int) -> Tuple[str, Dict[str, float]]:
    """Find the precision in which this CPU, with the threads it has now, reads many
    sequences fastest. Products alone do not tell, since caches matter.

    width (int): Width of the hidden state of a direction.
    RETURNS (Tuple[str, Dict[str, float]]): Its name, and the seconds a step of each.
    """
    # Not random, which would change what a seed does to a training.
    gates = torch.linspace(-1, 1, 4 * width, dtype=torch.float32, device="cpu")[None]
    weights = gates.repeat(N_DIRECTIONS, width, 1) / width
    rows = torch.zeros((N_STEPS, N_LANES, N_DIRECTIONS), dtype=torch.long, device="cpu")
    products = {name: make(weights) for name, make in available_products().items()}
    seconds = dict.fromkeys(products, math.inf)
    for _ in range(N_REPEATS):
        for name, product in products.items():
            start = time.perf_counter()
            read_lanes(gates, rows, product)
            taken = (time.perf_counter() - start) / N_STEPS
            seconds[name] = min(seconds[name], taken)
    best = "float32"
    for name in products:
        if seconds[name] < CLEARLY_FASTER * seconds[best]:
            best = name
    return best, seconds
