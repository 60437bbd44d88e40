"""An encoder's weights and vocabulary as safetensors bytes, and back."""

from typing import Any, Dict, Optional

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from .network.word_char_encoder import WordCharEncoder
from .vocabulary import Vocabulary

WORDS, COUNTS, CHARACTERS = (
    "vocabulary.words",
    "vocabulary.word_counts",
    "vocabulary.characters",
)
FROM_SAMPLE = "vocabulary.from_sample"
# Not b"", which is what a damaged file may have.
NOT_INITIALIZED = b"not initialized"
PROJECTION = "vectors_projection.weight"
# What version 0.1.0 called the two directions of an LSTM layer.
OLD_NAMES = {".ahead.": ".forward_lstm.", ".back.": ".backward_lstm."}


def save_encoder(encoder: Optional[WordCharEncoder]) -> bytes:
    """Serialize an encoder with its vocabulary. An encoder may also not be
    initialized yet, and None."""
    if encoder is None:
        return NOT_INITIALIZED
    vocabulary = encoder.vocabulary
    tensors = {k: v.cpu().contiguous() for k, v in encoder.state_dict().items()}
    # torch has few operations on unsigned numbers: the bits are stored as signed.
    tensors[WORDS] = torch.from_numpy(vocabulary.words.view("int64"))
    tensors[COUNTS] = torch.from_numpy(vocabulary.word_counts)
    tensors[CHARACTERS] = torch.from_numpy(vocabulary.characters)
    tensors[FROM_SAMPLE] = torch.tensor(vocabulary.from_sample)
    return save(tensors)


def load_encoder(
    settings: Dict[str, Any],
    encoder: Optional[WordCharEncoder],
    data: bytes,
    device: torch.device,
) -> Optional[WordCharEncoder]:
    """Make an encoder from the bytes of `save_encoder`. Nothing is unpickled.

    settings (Dict[str, Any]): Arguments of `WordCharEncoder` that come from the
        config.
    encoder (Optional[WordCharEncoder]): The present encoder. It is left alone.
    data (bytes): The serialized encoder.
    device (torch.device): Where to put it.
    RAISES (ValueError): If these are not the weights of such an encoder.
    """
    if data == NOT_INITIALIZED:
        return None
    try:
        tensors = {_present_name(name): value for name, value in load(data).items()}
        vocabulary = Vocabulary(
            words=tensors.pop(WORDS).numpy().view("uint64"),
            word_counts=tensors.pop(COUNTS).numpy(),
            characters=tensors.pop(CHARACTERS).numpy(),
            from_sample=bool(tensors.pop(FROM_SAMPLE)),
        )
        vectors_width = tensors[PROJECTION].shape[1] if PROJECTION in tensors else 0
        loaded = WordCharEncoder(vocabulary, vectors_width=vectors_width, **settings)
        loaded.load_state_dict(tensors)
    except (SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"Can't read the weights of a word and character BiLSTM: {error}. Either "
            f"the file is damaged, or it was saved by a model with another config. "
            f"Restore the file, or use the config that it was trained with."
        ) from error
    return loaded.to(device)


def _present_name(name: str) -> str:
    for old, new in OLD_NAMES.items():
        name = name.replace(old, new)
    return name
