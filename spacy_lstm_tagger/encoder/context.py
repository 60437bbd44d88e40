"""A layer of thinc that reads the vectors of tokens in context."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple, cast

import numpy
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from thinc.api import ArgsKwargs, Model, torch2xp, xp2torch
from thinc.types import Floats2d

from .dropout import repeat_dropout
from .network.context_encoder import ContextEncoder, load_context_encoder
from .shim import AveragingShim
from .tensors import sources, vector_windows
from .weights import NOT_INITIALIZED, damaged
from .windows import batch_windows, cut_windows

# The gain of the layer normalization at the start, where all learns at one rate, as in
# a `WordCharEncoder`. With a larger one, an output layer that learns more slowly still
# changes its scores as fast.
GAIN = 0.45
Encode = Model[List[Floats2d], List[Floats2d]]


@dataclass(frozen=True)
class ContextSettings:
    """The settings of a BiLSTM over vectors that its torch module does not know.

    input_dropout (float): How many times over dropout is applied to the input.
    layer_dropout (float): The same for the output of each layer.
    window (int): The most tokens of a window.
    window_overlap (int): The number of tokens of context on each side of a window.
    learn_rate_factor (float): What the learning rate of the training is multiplied by.
    """

    input_dropout: float
    layer_dropout: float
    window: int
    window_overlap: int
    learn_rate_factor: float


def make_bilstm_encoder(
    module_settings: Dict[str, Any], settings: ContextSettings
) -> Encode:
    """Make the layer around a `ContextEncoder`, which it gets when it is initialized.

    module_settings (Dict[str, Any]): The arguments `width` and `depth` of it.
    settings (ContextSettings): The other settings.
    """
    # thinc makes tensors here, too, and moves them to the device that it uses.
    with torch.device("cpu"):
        shim = AveragingShim(
            None,
            serialize_model=_save,
            deserialize_model=partial(_load, module_settings),
        )
    shim.learn_rate_factor = settings.learn_rate_factor
    gain = GAIN * max(1.0, settings.learn_rate_factor)
    return Model(
        "bilstm_encoder",
        # Not attributes, which thinc would save, and prefer to those of the config.
        partial(_forward, settings),
        init=partial(_init, {**module_settings, "gain": gain}),
        dims={"nI": None, "nO": module_settings["width"]},
        shims=[shim],
        attrs={"dropout_rate": 0.0},
    )


def _forward(
    settings: ContextSettings, model: Encode, vectors: List[Floats2d], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Floats2d]]]:
    shim = cast(AveragingShim, model.shims[0])
    if shim.module is None:
        # spaCy asks "Did you forget to call initialize()?" on a KeyError.
        raise KeyError("The BiLSTM is not initialized.")
    doc_lengths = numpy.asarray([len(rows) for rows in vectors])
    lengths = model.ops.asarray1i(cast(Any, doc_lengths))
    flat = cast(Floats2d, model.ops.flatten(vectors))
    if not len(flat):
        width = model.get_dim("nO")
        return [model.ops.alloc2f(0, width) for _ in vectors], lambda gradients: vectors
    device = shim.device
    # As in `run_network`.
    with (
        torch.inference_mode(False),
        torch.set_grad_enabled(is_train),
        torch.autocast(device.type, enabled=False),
    ):
        X = xp2torch(flat, device=device, requires_grad=is_train)
        inputs = _make_inputs(settings, model, doc_lengths, X, is_train)
        output, backprop_output = shim(inputs, is_train)

    def backprop(gradients: List[Floats2d]) -> List[Floats2d]:
        with torch.inference_mode(False), torch.autocast(device.type, enabled=False):
            gradient = xp2torch(model.ops.flatten(gradients), device=device)
            backprop_output(
                ArgsKwargs(args=((output,),), kwargs={"grad_tensors": (gradient,)})
            )
        d_vectors = cast(Floats2d, torch2xp(cast(torch.Tensor, X.grad)))
        return model.ops.unflatten(d_vectors, lengths)

    return model.ops.unflatten(cast(Floats2d, torch2xp(output)), lengths), backprop


def _make_inputs(
    settings: ContextSettings,
    model: Encode,
    doc_lengths: NDArray[numpy.int64],
    X: torch.Tensor,
    is_train: bool,
) -> ArgsKwargs:
    windows = cut_windows(
        doc_lengths, window=settings.window, overlap=settings.window_overlap
    )
    batches = batch_windows(windows)
    dropout = model.attrs["dropout_rate"] if is_train else 0.0
    return ArgsKwargs(
        args=(
            X,
            [vector_windows(batch, X.device) for batch in batches],
            sources(batches, numpy.ones(len(X), dtype=bool), X.device),
        ),
        kwargs={
            "input_dropout": repeat_dropout(dropout, settings.input_dropout),
            "layer_dropout": repeat_dropout(dropout, settings.layer_dropout),
        },
    )


def _init(
    settings: Dict[str, Any],
    model: Encode,
    X: Optional[List[Floats2d]] = None,
    Y: Optional[List[Floats2d]] = None,
) -> None:
    if X:
        model.set_dim("nI", X[0].shape[1])
    # Parameters made in inference mode could never be trained.
    with torch.inference_mode(False):
        module = ContextEncoder(input_width=model.get_dim("nI"), **settings)
    cast(AveragingShim, model.shims[0]).set_module(module)


def _save(encoder: Optional[ContextEncoder]) -> bytes:
    if encoder is None:
        return NOT_INITIALIZED
    return save({k: v.cpu().contiguous() for k, v in encoder.state_dict().items()})


@torch.inference_mode(False)
def _load(
    settings: Dict[str, Any],
    encoder: Optional[ContextEncoder],
    data: bytes,
    device: torch.device,
) -> Optional[ContextEncoder]:
    """Make a module of the bytes of `_save`. Nothing is unpickled.

    RAISES (ValueError): If these are not its weights, or those of one with other
        settings.
    """
    if data == NOT_INITIALIZED:
        return None
    try:
        loaded = load_context_encoder(load(data))
    except (SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise damaged("a BiLSTM", error) from error
    found = {"width": len(loaded.layer_norm.weight), "depth": len(loaded.bilstm.layers)}
    if found != settings:
        raise ValueError(
            f"The weights of the BiLSTM were trained with {found}, and can't be used "
            f"with {settings}. Load them with the settings that they were trained with."
        )
    return loaded.to(device)
