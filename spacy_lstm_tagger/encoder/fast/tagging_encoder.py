"""The encoder for tagging on the CPU: without dropout, and in steps, so that what
depends on a word form alone can be computed once and kept."""

from dataclasses import dataclass
from typing import Callable, Iterator, Tuple, cast

import torch
from torch import Tensor
from torch.nn import functional

from ..network.lstm import BidirectionalLSTM
from ..network.word_char_encoder import FormTensors, WordCharEncoder
from .precision import Product
from .recurrence import N_DIRECTIONS, StateInputs, read_lanes, separator

# The number of vectors that are made at a time: they stay in the CPU's caches.
PART_SIZE = 1024


@dataclass(frozen=True)
class LaneTensors:
    """Windows over the tokens, laid out in lanes. A position is step * n_lanes + lane.

    n_lanes (int): The number of lanes.
    n_steps (int): The number of steps of each.
    forward (Tensor): The position at which the forward direction meets each token.
        *Shape:* (n_tokens,)
    backward (Tensor): The same for the backward direction. *Shape:* (n_tokens,)
    kept (Tensor): The tokens whose vectors are wanted. *Shape:* (n_kept,)
    """

    n_lanes: int
    n_steps: int
    forward: Tensor
    backward: Tensor
    kept: Tensor


class TaggingEncoder:
    """The same arithmetic as that of a `WordCharEncoder` without dropout, in steps that
    can be taken at different times. It has a copy of the weights of the BiLSTM, and
    the others are the encoder's own. Gates are those of both directions side by side,
    four each: together, their width is `gates_width`.

    encoder (WordCharEncoder): The encoder.
    make_product (Callable[[Tensor], Product]): The precision of matrix products with
        states of an LSTM.
    """

    def __init__(
        self, encoder: WordCharEncoder, make_product: Callable[[Tensor], Product]
    ) -> None:
        self.encoder = encoder
        layers = [cast(BidirectionalLSTM, layer) for layer in encoder.bilstm.layers]
        first, *deeper = layers
        weights = _stack_gates(first, "weight_ih_l0").flatten(0, 1).t().contiguous()
        self._bias = _stack_gates(first, "bias_ih_l0", "bias_hh_l0").flatten()
        self._form_weights = weights
        if encoder.vectors_projection is not None:
            projection = encoder.vectors_projection.weight.detach()
            self._form_weights = weights[: -len(projection)]
            self._vector_weights = projection.t() @ weights[-len(projection) :]
        self._recurrent = make_product(_transposed(first, "weight_hh_l0"))
        self._deeper = [_Layer(layer, make_product) for layer in deeper]
        self._hidden = make_product(encoder.hidden.weight.detach().t()[None])

    @property
    def has_vectors(self) -> bool:
        """True if the encoder reads static vectors."""
        return self.encoder.vectors_projection is not None

    @property
    def has_spacing(self) -> bool:
        """True if the encoder reads the spacing of words."""
        return self.encoder.spacing_embedding.embedding_dim > 0

    @property
    def first_row(self) -> Tensor:
        """The gates that stand between windows. *Shape:* (1, gates_width)"""
        gates_width = len(self._bias)
        return separator(gates_width // (4 * N_DIRECTIONS)).repeat(1, N_DIRECTIONS)

    def form_gates(self, forms: FormTensors, spacing: Tensor) -> Tensor:
        """Compute the gates of the first layer from forms, in both directions, without
        the part of static vectors. *Shape:* (n_forms, gates_width)

        forms (FormTensors): The forms.
        spacing (Tensor): The spacing of each. *Shape:* (n_forms,)
        """
        words = self.encoder.word_embedding(forms.word_rows)
        spaces = self.encoder.spacing_embedding(spacing)
        characters = self.encoder.character_lstm(
            forms.characters, forms.character_lengths
        )
        inputs = torch.cat((words, spaces, characters), dim=1)
        return torch.addmm(self._bias, inputs, self._form_weights)

    def vector_gates(self, static_vectors: Tensor) -> Tensor:
        """Compute the part of these gates that comes from static vectors.
        *Shape:* (n_forms, gates_width)"""
        return self.encoder.scale_vectors(static_vectors) @ self._vector_weights

    def read(
        self, gates: Tensor, forms: Tensor, lanes: LaneTensors
    ) -> Iterator[Tuple[Tensor, Tensor]]:
        """Read windows.

        gates (Tensor): The gates of the forms, below `first_row`.
            *Shape:* (n_rows, gates_width)
        forms (Tensor): The row of the form of each token. *Shape:* (n_tokens,)
        lanes (LaneTensors): The windows.
        YIELDS (Tuple[Tensor, Tensor]): Some of the tokens whose vectors are wanted, and
            their vectors. *Shape:* (n,) and (n, width)
        """
        states = read_lanes(
            gates.view(N_DIRECTIONS * len(gates), -1),
            _meet(N_DIRECTIONS * forms, N_DIRECTIONS * forms + 1, lanes),
            self._recurrent,
        )
        for layer in self._deeper:
            states = layer.read(_join(states, lanes.forward, lanes.backward), lanes)
        for part in lanes.kept.split(PART_SIZE):
            found = _join(states, lanes.forward[part], lanes.backward[part])
            yield part, self._finish(found)

    def _finish(self, states: Tensor) -> Tensor:
        """Do the same as `WordCharEncoder.finish`."""
        sums = torch.empty_like(states).copy_(self.encoder.hidden.bias)
        self._hidden.add_to(sums[None], states[None])
        return self.encoder.layer_norm(functional.elu_(sums).add_(states))


class _Layer:
    """A layer that reads the states of the layer below."""

    def __init__(
        self, layer: BidirectionalLSTM, make_product: Callable[[Tensor], Product]
    ) -> None:
        self._input = make_product(_transposed(layer, "weight_ih_l0"))
        self._recurrent = make_product(_transposed(layer, "weight_hh_l0"))
        bias = _stack_gates(layer, "bias_ih_l0", "bias_hh_l0")
        self._gates = torch.stack((separator(bias.shape[1] // 4), *bias))

    def read(self, vectors: Tensor, lanes: LaneTensors) -> Tensor:
        """Read the states of the layer below.

        vectors (Tensor): These states. *Shape:* (n_tokens, in_width)
        lanes (LaneTensors): The windows.
        RETURNS (Tensor): *Shape:* (n_steps, n_lanes, 2, width)
        """
        tokens = torch.arange(1, len(vectors) + 1, device=vectors.device)
        nothing = vectors.new_zeros((1, vectors.shape[1]))
        inputs = StateInputs(
            torch.cat((nothing, vectors)), _meet(tokens, tokens, lanes), self._input
        )
        ones = torch.ones_like(tokens)
        return read_lanes(
            self._gates, _meet(ones, 2 * ones, lanes), self._recurrent, inputs
        )


def _meet(forward: Tensor, backward: Tensor, lanes: LaneTensors) -> Tensor:
    """Put the row of each token where each direction meets it, and row 0 elsewhere.
    *Shape:* (n_tokens,) to (n_steps, n_lanes, 2)"""
    rows = forward.new_zeros(lanes.n_steps * lanes.n_lanes * N_DIRECTIONS)
    rows.index_copy_(0, N_DIRECTIONS * lanes.forward, forward)
    rows.index_copy_(0, N_DIRECTIONS * lanes.backward + 1, backward)
    return rows.view(lanes.n_steps, lanes.n_lanes, N_DIRECTIONS)


def _join(states: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
    """Concatenate the states that the two directions have of the same token.
    *Shape:* (n_steps, n_lanes, 2, width) to (n_tokens, 2 * width)"""
    width = states.shape[-1]
    rows = torch.stack((N_DIRECTIONS * forward, N_DIRECTIONS * backward + 1), dim=1)
    found = states.view(-1, width).index_select(0, rows.flatten())
    return found.view(len(forward), -1)


def _transposed(layer: BidirectionalLSTM, name: str) -> Tensor:
    return _stack_gates(layer, name).transpose(1, 2).contiguous()


def _stack_gates(layer: BidirectionalLSTM, *names: str) -> Tensor:
    """Return the sum of some parameters, for each direction. The output gate comes
    before the cell candidate: all that goes through a sigmoid is side by side.
    *Shape:* (2, 4 * hidden_width, ...)"""
    directions = []
    for lstm in (layer.forward_lstm, layer.backward_lstm):
        total = torch.stack([getattr(lstm, name).detach() for name in names]).sum(0)
        input_gate, forget_gate, candidate, output_gate = total.chunk(4)
        directions.append(torch.cat((input_gate, forget_gate, output_gate, candidate)))
    return torch.stack(directions)
