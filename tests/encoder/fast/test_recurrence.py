from typing import List, Optional, Tuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from spacy_lstm_tagger.encoder.fast.precision import PRODUCTS, Float32Product
from spacy_lstm_tagger.encoder.fast.recurrence import (
    N_DIRECTIONS,
    StateInputs,
    find_fastest,
    read_lanes,
    separator,
)

WIDTH, IN_WIDTH = 5, 3
# Lengths of the sequences in each lane, one after the other.
Lanes = List[List[int]]
LANES: Lanes = [[4, 2], [7], [1, 1, 1]]


def make_lstms(seed: int = 0) -> List[nn.LSTM]:
    """One LSTM for each direction."""
    torch.manual_seed(seed)
    return [nn.LSTM(IN_WIDTH, WIDTH, batch_first=True) for _ in range(N_DIRECTIONS)]


def reordered(gates: Tensor) -> Tensor:
    """From torch's order of gates to ours."""
    input_gate, forget_gate, candidate, output_gate = gates.chunk(4)
    return torch.cat((input_gate, forget_gate, output_gate, candidate))


def weights_of(lstms: List[nn.LSTM], name: str) -> Tensor:
    found = [reordered(getattr(lstm, name).detach()) for lstm in lstms]
    return torch.stack(found)


def bias_of(lstms: List[nn.LSTM]) -> Tensor:
    return weights_of(lstms, "bias_ih_l0") + weights_of(lstms, "bias_hh_l0")


def lay_out(lanes: Lanes = LANES) -> Tuple[Tensor, int]:
    """The input that each direction meets at each step of each lane, from 1 on, and 0
    where there is none; and the number of inputs."""
    n_steps = max(sum(lane) + len(lane) for lane in lanes)
    rows = torch.zeros((n_steps, len(lanes), N_DIRECTIONS), dtype=torch.int64)
    first = 1
    for i, lane in enumerate(lanes):
        step = 0
        for length in lane:
            tokens = torch.arange(first, first + length)
            rows[step : step + length, i, 0] = tokens
            rows[step : step + length, i, 1] = tokens.flip(0)
            step, first = step + length + 1, first + length
    return rows, first - 1


def read_alone(lstms: List[nn.LSTM], inputs: Tensor, lanes: Lanes = LANES) -> Tensor:
    """The states of each sequence by itself, at its place in the lanes."""
    rows, _ = lay_out(lanes)
    states = torch.zeros((*rows.shape, WIDTH))
    with torch.no_grad():
        for i, lane in enumerate(lanes):
            step = 0
            for length in lane:
                for direction, lstm in enumerate(lstms):
                    met = rows[step : step + length, i, direction] - 1
                    states[step : step + length, i, direction] = lstm(inputs[met])[0]
                step += length + 1
    return states


def read_together(
    lstms: List[nn.LSTM], inputs: Tensor, lanes: Lanes = LANES, *, beforehand: bool
) -> Tuple[Tensor, Tensor]:
    """The states in the lanes, and where something was read."""
    rows, n_inputs = lay_out(lanes)
    recurrent = Float32Product(weights_of(lstms, "weight_hh_l0").transpose(1, 2))
    weights = weights_of(lstms, "weight_ih_l0").transpose(1, 2)
    gates = bias_of(lstms)[:, None].repeat(1, n_inputs, 1)
    below: Optional[StateInputs] = None
    if beforehand:
        gates += inputs @ weights
    else:
        vectors = torch.cat((torch.zeros((1, IN_WIDTH)), inputs))
        below = StateInputs(vectors, rows, Float32Product(weights))
    # Direction by turns, below the separator.
    table = torch.cat(
        (separator(WIDTH).repeat(2, 1), gates.transpose(0, 1).flatten(0, 1))
    )
    both = N_DIRECTIONS * rows + torch.arange(N_DIRECTIONS)
    return read_lanes(table, both, recurrent, below), rows > 0


@pytest.mark.parametrize("beforehand", [True, False])
def test_sequences_in_lanes_are_read_as_by_torch_one_by_one(beforehand: bool) -> None:
    lstms = make_lstms()
    inputs = torch.rand((lay_out()[1], IN_WIDTH)) * 2 - 1
    states, is_read = read_together(lstms, inputs, beforehand=beforehand)
    torch.testing.assert_close(states[is_read], read_alone(lstms, inputs)[is_read])


@given(
    lanes=st.lists(
        st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=5
    ),
    beforehand=st.booleans(),
)
def test_sequences_of_any_lengths_are_read_as_by_torch_one_by_one(
    lanes: Lanes, beforehand: bool
) -> None:
    lstms = make_lstms()
    inputs = torch.rand((lay_out(lanes)[1], IN_WIDTH)) * 2 - 1
    states, is_read = read_together(lstms, inputs, lanes, beforehand=beforehand)
    wanted = read_alone(lstms, inputs, lanes)
    torch.testing.assert_close(states[is_read], wanted[is_read], atol=1e-5, rtol=0.0)
    assert (states[~is_read] == 0.0).all()


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_a_separator_leaves_nothing_of_what_was_before(scale: float) -> None:
    lstms = make_lstms()
    inputs = torch.randn((lay_out()[1], IN_WIDTH)) * scale
    states, is_read = read_together(lstms, inputs, beforehand=True)
    assert (states[~is_read] == 0.0).all()
    torch.testing.assert_close(states[is_read], read_alone(lstms, inputs)[is_read])


def test_the_fastest_precision_is_one_that_there_is() -> None:
    name, seconds = find_fastest(16)
    assert seconds.keys() == PRODUCTS.keys()
    assert seconds[name] <= seconds["float32"]
