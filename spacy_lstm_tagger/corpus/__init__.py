"""Corpora of any size: tables of texts become tables of tags. Needs pyarrow, which is
imported with `TableTagger`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tables import TableTagger

__all__ = ["TableTagger"]


def __getattr__(name: str) -> Any:
    if name == "TableTagger":
        from .tables import TableTagger

        return TableTagger
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
