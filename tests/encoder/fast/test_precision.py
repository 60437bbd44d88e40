from typing import Tuple

import pytest
import torch
from torch import Tensor

from spacy_lstm_tagger.encoder.fast.precision import PRODUCTS

NAMES = pytest.mark.parametrize("name", list(PRODUCTS))
# Of sums of 64 products of numbers up to 1: what 8 bits and what 24 bits leave.
TOLERANCE = {"float32": 1e-5, "bfloat16": 0.05, "int8": 0.1}


def make_case(n: int = 40) -> Tuple[Tensor, Tensor, Tensor]:
    """Weights, states as an LSTM has them, and sums to add to."""
    torch.manual_seed(0)
    weights = torch.randn(2, 64, 96) * 0.2
    return weights, torch.rand(2, n, 64) * 2 - 1, torch.randn(2, n, 96)


def add(name: str, weights: Tensor, states: Tensor, sums: Tensor) -> Tensor:
    result = sums.clone()
    PRODUCTS[name](weights).add_to(result, states)
    return result


@NAMES
def test_products_are_added_as_exactly_as_the_precision_allows(name: str) -> None:
    weights, states, sums = make_case()
    wanted = sums + states @ weights
    found = add(name, weights, states, sums)
    torch.testing.assert_close(found, wanted, atol=TOLERANCE[name], rtol=0.0)
    if name != "float32":
        # Otherwise it would be float32 by another name.
        assert not torch.allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["bfloat16", "int8"])
@pytest.mark.parametrize("n", [1, 2, 7, 16, 33])
def test_a_row_does_not_depend_on_the_rows_beside_it(name: str, n: int) -> None:
    weights, states, sums = make_case()
    together = add(name, weights, states, sums)
    part = add(name, weights, states[:, :n], sums[:, :n])
    torch.testing.assert_close(part, together[:, :n], atol=0.0, rtol=0.0)


@pytest.mark.parametrize("name", ["bfloat16", "int8"])
@pytest.mark.parametrize("width", [8, 100, 128, 150, 300])
def test_a_lane_does_not_depend_on_the_lanes_beside_it(name: str, width: int) -> None:
    """The recurrence has its states lane after lane, not direction after direction."""
    torch.manual_seed(0)
    product = PRODUCTS[name](torch.randn(2, width, 4 * width))
    states = torch.rand(128, 2, width) * 2 - 1
    together = torch.zeros(128, 2, 4 * width)
    product.add_to(together.transpose(0, 1), states.transpose(0, 1))
    for n in (*range(1, 20), 31, 32, 33, 64, 127):
        for lanes in (slice(n), slice(128 - n, None)):
            part = torch.zeros(n, 2, 4 * width)
            product.add_to(part.transpose(0, 1), states[lanes].transpose(0, 1))
            assert torch.equal(part, together[lanes]), lanes


@NAMES
def test_weights_of_zero_add_nothing(name: str) -> None:
    weights, states, sums = make_case()
    weights[:, :, 3] = 0.0
    assert torch.equal(add(name, weights, states, sums)[:, :, 3], sums[:, :, 3])


@NAMES
def test_there_may_be_one_matrix_only(name: str) -> None:
    weights, states, sums = make_case()
    together = add(name, weights, states, sums)
    alone = add(name, weights[:1], states[:1], sums[:1])
    torch.testing.assert_close(alone, together[:1], atol=1e-5, rtol=0.0)
