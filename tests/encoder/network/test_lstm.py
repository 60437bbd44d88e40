from typing import List

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import (
    pack_padded_sequence,
    pad_packed_sequence,
    pad_sequence,
)

from spacy_lstm_tagger.encoder.network.bilstm import BiLSTM
from spacy_lstm_tagger.encoder.network.lstm import (
    BidirectionalLSTM,
    locked_dropout,
    make_reversal,
)

LENGTHS = [6, 9, 1, 6, 2]


@pytest.fixture
def sequences() -> List[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(length, 4) for length in LENGTHS]


def pad(sequences: List[Tensor]) -> Tensor:
    """Padding that is read would show."""
    return pad_sequence(sequences, batch_first=True, padding_value=1e4)


def parameters_of(module: nn.Module, kind: str) -> List[Tensor]:
    return [value for name, value in module.named_parameters() if kind in name]


def packed_lstm_of(layer: BidirectionalLSTM) -> nn.LSTM:
    """torch's own bidirectional LSTM with the same weights."""
    hidden = layer.forward_lstm.hidden_size
    lstm = nn.LSTM(
        layer.forward_lstm.input_size, hidden, batch_first=True, bidirectional=True
    )
    state = {**layer.forward_lstm.state_dict()}
    state.update(
        (f"{k}_reverse", v) for k, v in layer.backward_lstm.state_dict().items()
    )
    lstm.load_state_dict(state)
    return lstm


def test_recurrent_weights_start_orthogonal() -> None:
    weights = parameters_of(BiLSTM(input_width=5, width=12, depth=2), "weight_hh")
    assert len(weights) == 4
    for weight in weights:
        for gate in weight.chunk(4):
            torch.testing.assert_close(gate @ gate.T, torch.eye(6))


def test_the_forget_gate_starts_with_a_bias_of_1_and_the_others_with_0() -> None:
    bilstm = BiLSTM(input_width=5, width=12, depth=2)
    inputs, recurrent = (parameters_of(bilstm, kind) for kind in ("bias_ih", "bias_hh"))
    assert len(inputs) == len(recurrent) == 4
    for one, other in zip(inputs, recurrent):
        assert (one + other).tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12


def test_a_layer_computes_what_the_packed_lstm_of_torch_does(
    sequences: List[Tensor],
) -> None:
    layer = BidirectionalLSTM(4, 6)
    lengths = torch.tensor(LENGTHS)
    outputs = layer(pad(sequences), make_reversal(lengths, 9))
    packed = pack_padded_sequence(
        pad(sequences), lengths, batch_first=True, enforce_sorted=False
    )
    wanted, _ = pad_packed_sequence(packed_lstm_of(layer)(packed)[0], batch_first=True)
    assert outputs.shape == wanted.shape == (5, 9, 6)
    for i, length in enumerate(LENGTHS):
        torch.testing.assert_close(outputs[i, :length], wanted[i, :length])


def test_a_layer_has_the_gradient_of_the_packed_lstm_of_torch(
    sequences: List[Tensor],
) -> None:
    layer = BidirectionalLSTM(4, 6)
    lstm = packed_lstm_of(layer)
    lengths = torch.tensor(LENGTHS)
    outputs = layer(pad(sequences), make_reversal(lengths, 9))
    packed = pack_padded_sequence(
        pad(sequences), lengths, batch_first=True, enforce_sorted=False
    )
    wanted, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
    for result in (outputs, wanted):
        kept = [result[i, :length] for i, length in enumerate(LENGTHS)]
        torch.cat(kept).pow(3).sum().backward()
    for name, parameter in layer.forward_lstm.named_parameters():
        torch.testing.assert_close(parameter.grad, getattr(lstm, name).grad)
    for name, parameter in layer.backward_lstm.named_parameters():
        torch.testing.assert_close(
            parameter.grad, getattr(lstm, f"{name}_reverse").grad
        )


def test_a_reversal_turns_sequences_around_and_leaves_padding_alone() -> None:
    reversal = make_reversal(torch.tensor([3, 1, 4]), 4)
    assert reversal.view(3, 4).tolist() == [[2, 1, 0, 3], [4, 5, 6, 7], [11, 10, 9, 8]]


@pytest.mark.parametrize("depth", [1, 3])
def test_a_sequence_is_read_as_if_it_were_alone_by_all_layers(
    depth: int, sequences: List[Tensor]
) -> None:
    """Neither direction starts in the padding."""
    bilstm = BiLSTM(input_width=4, width=6, depth=depth)
    outputs = bilstm(pad(sequences), torch.tensor(LENGTHS), dropout=0.0)
    for i, sequence in enumerate(sequences):
        alone = bilstm(sequence[None], torch.tensor([len(sequence)]), dropout=0.0)
        torch.testing.assert_close(outputs[i, : len(sequence)], alone[0])


def test_the_first_output_depends_on_the_last_input_and_the_other_way_round(
    sequences: List[Tensor],
) -> None:
    bilstm = BiLSTM(input_width=4, width=6, depth=1)
    X = sequences[1].clone().requires_grad_()
    outputs = bilstm(X[None], torch.tensor([9]), dropout=0.0)[0]
    (to_first,) = torch.autograd.grad(outputs[0].sum(), X, retain_graph=True)
    (to_last,) = torch.autograd.grad(outputs[-1].sum(), X)
    assert to_first[-1].any() and to_last[0].any()


@pytest.mark.parametrize("depth", [1, 3])
def test_every_layer_is_trained(depth: int, sequences: List[Tensor]) -> None:
    bilstm = BiLSTM(input_width=4, width=6, depth=depth)
    bilstm(sequences[1][None], torch.tensor([9]), dropout=0.0).pow(2).sum().backward()
    assert len(bilstm.layers) == depth
    for parameter in bilstm.parameters():
        assert parameter.grad is not None and parameter.grad.any()


def test_locked_dropout_has_the_same_mask_at_every_step() -> None:
    torch.manual_seed(0)
    dropped = locked_dropout(torch.ones(7, 20, 30), 0.5)
    assert (dropped == dropped[:, :1]).all()


def test_locked_dropout_has_different_masks_for_different_sequences() -> None:
    torch.manual_seed(0)
    masks = locked_dropout(torch.ones(7, 2, 30), 0.5)[:, 0]
    assert len({tuple(mask.tolist()) for mask in masks}) == 7


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_locked_dropout_drops_at_its_rate_and_scales_up_the_rest(rate: float) -> None:
    torch.manual_seed(0)
    dropped = locked_dropout(torch.ones(200, 1, 200), rate)
    assert float((dropped == 0).float().mean()) == pytest.approx(rate, abs=0.02)
    kept = dropped[dropped != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - rate)))


def test_locked_dropout_of_0_changes_nothing() -> None:
    X = torch.randn(2, 3, 4)
    assert torch.equal(locked_dropout(X, 0.0), X)


def test_the_dropout_of_a_stack_reaches_its_outputs(
    sequences: List[Tensor],
) -> None:
    bilstm = BiLSTM(input_width=4, width=40, depth=1)
    outputs = bilstm(sequences[1][None], torch.tensor([9]), dropout=0.5)[0]
    dropped = outputs == 0
    assert 0 < int(dropped[0].sum()) < 40
    assert (dropped == dropped[:1]).all()
