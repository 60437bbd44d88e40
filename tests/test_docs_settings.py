"""docs/settings.md has the keys and the defaults that the registered functions have."""

import inspect
import json
import re
from typing import Any, Callable, Dict

import pytest
from pages import PAGES
from spacy.language import Language
from spacy.util import registry

from spacy_lstm_tagger.lstm_tagger import LSTMTagger

PAGE = PAGES["docs/settings.md"]
REQUIRED = inspect.Parameter.empty
INITIALIZE = "[initialize.components.lstm_tagger]"


def read_tables() -> Dict[str, Dict[str, Any]]:
    """Return the default of each key by the name of the function."""
    tables = {}
    for section in re.split("^## ", PAGE, flags=re.MULTILINE)[1:]:
        (name,) = re.findall(r"^`(.*)`$", section.splitlines()[0])
        rows = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? ?\|", section, re.MULTILINE)
        tables[name] = {key: parse(default) for key, default in rows}
    return tables


def parse(default: str) -> Any:
    """Read a default as a config has it. A name alone is that of a function."""
    if not default:
        return REQUIRED
    if default.startswith("spacy"):
        return default
    return json.loads(default)


def find_defaults(function: Callable) -> Dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def find_factory_defaults() -> Dict[str, Any]:
    """Return the defaults of the factory. Those that are functions are the names."""
    config = Language.get_factory_meta("lstm_tagger").default_config
    names = {
        "model": config["model"]["@architectures"],
        "scorer": config["scorer"]["@scorers"],
    }
    return {**config, **names}


def find_initialize_defaults() -> Dict[str, Any]:
    defaults = find_defaults(LSTMTagger.initialize)
    for name in ("self", "get_examples", "nlp"):
        del defaults[name]
    return defaults


def registered() -> Dict[str, Dict[str, Any]]:
    """Return the default of each key of all that is ours in the registry."""
    found = {
        name: find_defaults(function)
        for group in registry.get_registry_names()
        # Looking up all models of spaCy's hub would need other packages.
        for name, function in getattr(registry, group).get_all().items()
        if name.startswith("spacy_lstm_tagger.")
    }
    return {
        "lstm_tagger": find_factory_defaults(),
        INITIALIZE: find_initialize_defaults(),
        **found,
    }


def test_each_registered_function_has_a_table() -> None:
    assert sorted(read_tables()) == sorted(registered())


@pytest.mark.parametrize("name", read_tables())
def test_a_table_has_the_keys_and_defaults_of_the_function(name: str) -> None:
    assert read_tables()[name] == registered()[name]
