"""Parts of other libraries that those do not offer publicly, in one place. Nothing is
imported before a function is called: where something is missing, the package still
imports, and only what needs it raises an error."""

import importlib
from typing import Any


def spacy_cli(name: str) -> Any:
    """Return a part of spaCy's command line, which has no public place.

    name (str): One of `app` and `debug_cli`, the groups that commands are added to,
        and of `import_code`, `parse_config_overrides` and `setup_gpu`, so that options
        mean what they mean in spaCy's own commands.
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
