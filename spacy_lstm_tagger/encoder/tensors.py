"""Integer arrays as tensors of the torch modules."""

from typing import List, Optional

import numpy
import torch
from numpy.typing import NDArray

from .forms import Forms
from .network.context_encoder import VectorWindows
from .network.word_char_encoder import FormTensors, WindowTensors
from .windows import WindowBatch


def form_tensors(
    forms: Forms, static_vectors: Optional[torch.Tensor], device: torch.device
) -> FormTensors:
    """Return word forms as tensors.

    static_vectors (Optional[torch.Tensor]): Their static vectors, where the encoder
        reads them. *Shape:* (n_forms, vectors_width)
    """
    return FormTensors(
        word_rows=_to_torch(forms.word_rows, device),
        characters=_to_torch(forms.characters, device),
        character_lengths=_to_torch(forms.character_lengths, device),
        static_vectors=static_vectors,
    )


def window_tensors(
    batch: WindowBatch,
    token_forms: NDArray[numpy.int64],
    spacing: NDArray[numpy.int64],
    device: torch.device,
) -> WindowTensors:
    """Return padded windows as tensors.

    batch (WindowBatch): The windows.
    token_forms (NDArray[numpy.int64]): The form of each token. *Shape:* (n_read,)
    spacing (NDArray[numpy.int64]): The spacing of each token. *Shape:* (n_read,)
    """
    return WindowTensors(
        forms=_to_torch(token_forms[batch.tokens], device),
        spacing=_to_torch(spacing[batch.tokens], device),
        lengths=_to_torch(batch.lengths, device),
        kept=_to_torch(numpy.flatnonzero(batch.kept), device),
    )


def vector_windows(batch: WindowBatch, device: torch.device) -> VectorWindows:
    """Return padded windows over vectors as tensors."""
    return VectorWindows(
        tokens=_to_torch(batch.tokens, device),
        lengths=_to_torch(batch.lengths, device),
        kept=_to_torch(numpy.flatnonzero(batch.kept), device),
    )


def sources(
    batches: List[WindowBatch], is_read: NDArray[numpy.bool_], device: torch.device
) -> torch.Tensor:
    """Return the place of the vector of each token among those kept of all windows. The
    vector of whitespace comes after them. *Shape:* (n_tokens,)

    is_read (NDArray[numpy.bool_]): False for whitespace. *Shape:* (n_tokens,)
    """
    places = numpy.full(len(is_read), is_read.sum(), dtype="int64")
    if batches:
        kept = numpy.concatenate([batch.tokens[batch.kept] for batch in batches])
        places[is_read] = numpy.argsort(kept)
    return _to_torch(places, device)


def _to_torch(array: NDArray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(array).to(device)
