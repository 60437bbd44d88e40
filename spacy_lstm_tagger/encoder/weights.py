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
# Not b"": an empty file is a damaged one.
NOT_INITIALIZED = b"not initialized"
PROJECTION = "vectors_projection.weight"
# Version 0.1.0 did not save it, and read vectors of any length.
NORMALIZE_VECTORS = "normalize_vectors"
KIND = "a word and character BiLSTM"
# The names that version 0.1.0 had for the two directions of an LSTM layer.
OLD_NAMES = {".ahead.": ".forward_lstm.", ".back.": ".backward_lstm."}


def save_encoder(encoder: Optional[WordCharEncoder]) -> bytes:
    """Serialize an encoder with its vocabulary. It is None before it is initialized."""
    if encoder is None:
        return NOT_INITIALIZED
    vocabulary = encoder.vocabulary
    tensors = {k: v.cpu().contiguous() for k, v in encoder.state_dict().items()}
    arrays = {
        # torch has few operations on unsigned numbers: the bits are stored as signed.
        WORDS: vocabulary.words.view("int64"),
        COUNTS: vocabulary.word_counts,
        CHARACTERS: vocabulary.characters,
        FROM_SAMPLE: vocabulary.from_sample,
        NORMALIZE_VECTORS: encoder.normalize_vectors,
    }
    # Copies: torch warns of arrays that can't be written to, as in a worker's memory.
    tensors.update({k: torch.tensor(v, device="cpu") for k, v in arrays.items()})
    return save(tensors)


# Parameters made in inference mode could never be trained.
@torch.inference_mode(False)
def load_encoder(
    settings: Dict[str, Any],
    include_static_vectors: bool,
    encoder: Optional[WordCharEncoder],
    data: bytes,
    device: torch.device,
) -> Optional[WordCharEncoder]:
    """Make an encoder from the bytes of `save_encoder`. Nothing is unpickled.

    settings (Dict[str, Any]): Arguments of `WordCharEncoder` that come from the
        config.
    include_static_vectors (bool): Whether it reads static vectors, by the config.
    encoder (Optional[WordCharEncoder]): The present encoder. It is left alone.
    data (bytes): The serialized encoder.
    device (torch.device): Where to put it.
    RAISES (ValueError): If these are not the weights of such an encoder, or those of
        one with other settings.
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
        normalize_vectors = bool(tensors.pop(NORMALIZE_VECTORS, False))
        trained = _settings_of(tensors)
    except (SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise damaged(KIND, error) from error
    _check_settings(
        trained, {**settings, "include_static_vectors": include_static_vectors}
    )
    vectors_width = tensors[PROJECTION].shape[1] if include_static_vectors else 0
    try:
        loaded = WordCharEncoder(
            vocabulary,
            vectors_width=vectors_width,
            normalize_vectors=normalize_vectors,
            **settings,
        )
        loaded.load_state_dict(tensors)
    except (SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise damaged(KIND, error) from error
    return loaded.to(device)


def _settings_of(tensors: Dict[str, torch.Tensor]) -> Dict[str, Any]:
    """Find the settings that decide on the shapes of the weights."""
    layers = [name for name in tensors if name.endswith(".forward_lstm.weight_hh_l0")]
    return {
        "width": tensors["hidden.weight"].shape[0],
        "depth": sum(name.startswith("bilstm.layers.") for name in layers),
        "word_width": tensors["word_embedding.weight"].shape[1],
        "character_width": tensors["character_lstm.embedding.weight"].shape[1],
        "character_lstm_width": 2
        * tensors["character_lstm.lstm.forward_lstm.weight_hh_l0"].shape[1],
        "spacing_width": tensors["spacing_embedding.weight"].shape[1],
        "include_static_vectors": PROJECTION in tensors,
    }


def _check_settings(trained: Dict[str, Any], wanted: Dict[str, Any]) -> None:
    for name, value in trained.items():
        if wanted[name] != value:
            raise ValueError(
                f"The weights of the word and character BiLSTM were trained with "
                f"{_show(name, value)}, and can't be used with "
                f"{_show(name, wanted[name])}: load them with the setting that they "
                f"were trained with, or train a model with the other one."
            )


def _show(name: str, value: Any) -> str:
    return f"'{name} = {str(value).lower()}'"


def damaged(kind: str, error: Exception) -> ValueError:
    """Return the error to raise where weights can't be read.

    kind (str): What they are the weights of.
    error (Exception): What was raised.
    """
    return ValueError(
        f"Can't read the weights of {kind}: {error}. Either the file is damaged, or it "
        f"was saved by a model with another config. Restore the file, or use the "
        f"config that it was trained with."
    )


def _present_name(name: str) -> str:
    for old, new in OLD_NAMES.items():
        name = name.replace(old, new)
    return name
