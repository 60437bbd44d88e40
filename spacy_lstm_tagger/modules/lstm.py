"""What all our LSTMs share: how they start, and how they skip padding."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence


def bidirectional_lstm(input_width: int, width: int) -> nn.LSTM:
    """One bidirectional layer that starts with orthogonal recurrent weights
    (Saxe et al., 2014) and a forget gate that is open (Jozefowicz et al., 2015).

    input_width (int): Width of the inputs.
    width (int): Width of the outputs: both directions together.
    """
    lstm = nn.LSTM(input_width, width // 2, batch_first=True, bidirectional=True)
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight_hh"):
            for gate in parameter.data.chunk(4):
                nn.init.orthogonal_(gate)
        elif name.startswith("weight_ih"):
            for gate in parameter.data.chunk(4):
                nn.init.xavier_uniform_(gate)
        else:
            nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):
                # Gates are in the order input, forget, cell, output.
                nn.init.ones_(parameter.data.chunk(4)[1])
    return lstm


def pack(X: Tensor, lengths: Tensor) -> PackedSequence:
    """Pack sequences that come longest first, so that the backward direction
    starts at the last real step and never in the padding.

    X (Tensor): *Shape:* (n_sequences, max_length, width)
    lengths (Tensor): On the CPU, as torch asks. *Shape:* (n_sequences,)
    """
    return pack_padded_sequence(X, lengths, batch_first=True, enforce_sorted=True)


def locked_dropout(X: Tensor, rate: float) -> Tensor:
    """Dropout with one mask for all steps of a sequence (Gal & Ghahramani, 2016).

    X (Tensor): *Shape:* (n_sequences, max_length, width)
    """
    if rate <= 0.0:
        return X
    mask = torch.empty_like(X[:, :1]).bernoulli_(1.0 - rate)
    return X * (mask / (1.0 - rate))
