"""The private names of other libraries that the package uses, all in one place. Nothing
is imported before it is needed, and only a function whose name is missing fails."""

import importlib
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Optional, Tuple

if TYPE_CHECKING:
    from thinc.api import PyTorchShim
    from torch import Tensor
    from torch.nn import Module, Parameter


def find_int8_product() -> Optional[Callable[["Tensor", "Tensor"], "Tensor"]]:
    """Return the matrix product of int8 tensors on the CPU, or None where this torch
    has none.

    `torch._int_mm` is what torch's own quantization multiplies with, and has no public
    name."""
    import torch

    multiply = getattr(torch, "_int_mm", None)
    try:
        ones = torch.ones((1, 1), dtype=torch.int8, device="cpu")
        multiply(ones, ones)  # type: ignore[misc]
    except (TypeError, NotImplementedError, RuntimeError):
        # Some versions of torch have it for GPUs alone.
        return None
    return multiply


def count_changes(tensors: Iterable["Tensor"]) -> Tuple[int, ...]:
    """Return how often each tensor was changed in place, as far as torch counts, or
    nothing where it does not.

    `Tensor._version` is described in torch's notes on autograd, and has no public
    name. Tensors made in inference mode have none."""
    try:
        return tuple([tensor._version for tensor in tensors])
    except (AttributeError, RuntimeError):
        return ()


def parameter_tables(
    module: "Module",
) -> Tuple[Dict[str, Optional["Parameter"]], Dict[str, Optional["Module"]]]:
    """Return the dictionaries in which a module keeps its own parameters and the
    modules right below it.

    `Module._parameters` and `Module._modules` have no public name. `parameters()` walks
    through them, too, but takes many times as long. Where torch has them no more, a
    parameter that is replaced by another one goes unnoticed."""
    attributes = vars(module)
    return (
        attributes.get("_parameters", dict(module.named_parameters(recurse=False))),
        attributes.get("_modules", dict(module.named_children())),
    )


def get_shim_module(shim: "PyTorchShim") -> Any:
    """Return the torch module that a shim wraps, or None.

    `PyTorchShim._model` is where thinc's own methods look for it, and has no public
    name."""
    return shim._model


def set_shim_module(shim: "PyTorchShim", module: Any) -> None:
    """Set the torch module that a shim wraps. See `get_shim_module`."""
    shim._model = module


def spacy_cli(name: str) -> Any:
    """Return a part of spaCy's command line, which has no public place.

    name (str): One of `app`, `debug_cli` and `init_cli`, the groups that commands are
        added to, and of `import_code`, `parse_config_overrides` (which may raise
        `NoSuchOption`) and `setup_gpu`, so that options mean what they mean in spaCy's
        own commands.
    RAISES (ImportError): If the installed spaCy does not have it.
    """
    return _import_from_spacy("spacy.cli._util", name)


def training_schema() -> Any:
    """Return the schema of the section [training] of a config, which spaCy's own
    commands validate it with.

    RAISES (ImportError): If the installed spaCy does not have it.
    """
    return _import_from_spacy("spacy.schemas", "ConfigSchemaTraining")


def _import_from_spacy(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f"The installed version of spaCy has no '{name}' in '{module}', which a "
            f"command of spacy-lstm-tagger needs. Install a version of spaCy that "
            f"spacy-lstm-tagger was made for, or a newer spacy-lstm-tagger."
        ) from error


def find_rehearsal_model(pipe: Any) -> Any:
    """Return the copy of its model that `Language.resume_training` has left in a
    component, or None. spaCy writes it there under a private name.

    RAISES (RuntimeError): If this version of spaCy has no such name.
    """
    if not hasattr(pipe, "_rehearsal_model"):
        raise RuntimeError(
            "Can't rehearse: this version of spaCy doesn't keep the model as it was "
            "before training as '_rehearsal_model'. Install spaCy 3."
        )
    return pipe._rehearsal_model
