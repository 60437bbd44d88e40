"""A part-of-speech tagger for spaCy pipelines. Imports nothing before it is used, so
that looking up an entry point is cheap."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .rendering import render

__version__ = "0.1.0"
__all__ = ["render"]


def __getattr__(name: str) -> Any:
    if name == "render":
        from .rendering import render

        return render
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
