"""The tags that a token may have, by what the user and what a dictionary say."""

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import (
    Any,
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    cast,
)

import numpy
from numpy.typing import NDArray
from spacy.attrs import LOWER, ORTH
from spacy.strings import StringStore
from spacy.tokens import Doc
from spacy.training import Example

from ..arrays import find_rows
from .attributes import register_attribute, underscore_key
from .negation import split_negation

TagDictionary = Dict[str, List[str]]


@dataclass(frozen=True)
class AllowedForms:
    """A dictionary of word forms as arrays.

    forms (NDArray[numpy.uint64]): Sorted hashes of the forms. *Shape:* (n_forms,)
    allowed (NDArray[numpy.bool_]): The tags of each, and a last row for all other
        forms, which may have any. *Shape:* (n_forms + 1, n_labels)
    lower (bool): Whether the forms are lower-cased, and those of tokens for looking
        them up.
    """

    forms: NDArray[numpy.uint64]
    allowed: NDArray[numpy.bool_]
    lower: bool = False

    def look_up(self, doc: Doc) -> NDArray[numpy.bool_]:
        """Find the tags of the tokens of a document. *Shape:* (n_tokens, n_labels)"""
        read = cast(Any, doc.to_array([LOWER if self.lower else ORTH]))
        forms: NDArray[numpy.uint64] = read.reshape(-1)
        return self.allowed[find_rows(self.forms, forms, 0, len(self.forms))]


def register_allowed_tags(attribute: str) -> None:
    """Make `doc._.{attribute}` known to spaCy: a mapping from positions of tokens to
    lists of tags, or None.

    RAISES (ValueError): If there is an attribute of the name that is not ours.
    """
    register_attribute(Doc, attribute, _get_value, _set_value)


def _get_value(attribute: str, doc: Doc) -> Any:
    return doc.user_data.get(underscore_key(attribute))


def _set_value(attribute: str, doc: Doc, value: Any) -> None:
    doc.user_data[underscore_key(attribute)] = value


def get_allowed_tags(
    doc: Doc, attribute: Optional[str]
) -> Optional[Mapping[int, List[str]]]:
    """Read `doc._.{attribute}`, whether or not this process knows the attribute.

    attribute (Optional[str]): The name of the attribute, or None if there is none.
    RAISES (ValueError): If it is not a mapping from positions of tokens to lists.
    """
    given = None if attribute is None else _get_value(attribute, doc)
    if given is not None and not isinstance(given, Mapping):
        raise ValueError(
            f"Can't read 'doc._.{attribute} = {given!r}': it needs to be a mapping "
            f'from positions of tokens to lists of tags, like {{1: ["MD", "NN"]}}.'
        )
    for token, tags in (given or {}).items():
        if not _is_position(token, doc):
            raise ValueError(
                f"Can't read 'doc._.{attribute}': there is no token {token!r} in a "
                f"document of {len(doc)} tokens. Its keys need to be positions of "
                f"tokens, counted from 0."
            )
        if not _are_tags(tags):
            raise ValueError(
                f"Can't read 'doc._.{attribute}': the tags of token {token} are "
                f'{tags!r}. They need to be a list of strings, like ["MD", "NN"].'
            )
    return given


def _is_position(key: Any, doc: Doc) -> bool:
    # True is an integer to Python, but a mask of all tokens to numpy.
    is_integer = isinstance(key, Integral) and not isinstance(key, bool)
    return is_integer and 0 <= int(key) < len(doc)


def _are_tags(value: Any) -> bool:
    # A string is a collection of strings, too.
    is_collection = isinstance(value, Collection) and not isinstance(value, str)
    return is_collection and all(isinstance(tag, str) for tag in value)


def compile_dictionary(
    dictionary: TagDictionary,
    labels: Sequence[str],
    strings: StringStore,
    *,
    lower: bool = False,
) -> Optional[AllowedForms]:
    """Turn a dictionary into arrays, or into None if it is empty.

    lower (bool): Whether the forms are lower-cased, and those of tokens for looking
        them up.
    RAISES (ValueError): If a tag is not one of the labels.
    """
    rows = {
        strings.add(form): tag_row(tags, labels, f"the tag dictionary for '{form}'")
        for form, tags in dictionary.items()
    }
    if not rows:
        return None
    forms = sorted(rows)
    anything = numpy.ones(len(labels), dtype=bool)
    return AllowedForms(
        numpy.asarray(forms, dtype="uint64"),
        numpy.stack([*(rows[form] for form in forms), anything]),
        lower,
    )


def read_dictionary(entries: object, *, lower: bool = False) -> TagDictionary:
    """Read a dictionary as JSON or JSONL give it: a mapping from forms to lists of
    tags, or objects with "form" and "tags". A form that occurs more than once has the
    tags of all its entries.

    lower (bool): Whether to lower-case the forms.
    RETURNS (TagDictionary): The dictionary, without forms that have no tags.
    RAISES (ValueError): If it is something else.
    """
    found: TagDictionary = {}
    for form, tags in _read_entries(entries):
        _validate_entry(form, tags)
        form = form.lower() if lower else form
        found[form] = list(dict.fromkeys([*found.get(form, []), *tags]))
    for form, tags in list(found.items()):
        if not tags:
            warnings.warn(
                f"The tag dictionary has no tags for '{form}': it may have any.",
                stacklevel=2,
            )
            del found[form]
    return found


def _read_entries(entries: object) -> Iterator[Tuple[Any, Any]]:
    """Yield the forms and the tags of a dictionary."""
    if isinstance(entries, Mapping):
        yield from entries.items()
    elif isinstance(entries, Iterable) and not isinstance(entries, str):
        for entry in entries:
            if not isinstance(entry, Mapping) or {"form", "tags"} - set(entry):
                raise ValueError(
                    f"Can't read the entry {entry!r} of a tag dictionary: it needs to "
                    f'be like {{"form": "can", "tags": ["MD", "NN"]}}.'
                )
            yield entry["form"], entry["tags"]
    else:
        raise ValueError(
            f"Can't read a tag dictionary from {entries!r}: it needs to be a mapping "
            f'from forms to tags, like {{"can": ["MD", "NN"]}}.'
        )


def _validate_entry(form: object, tags: object) -> None:
    if not isinstance(form, str):
        raise ValueError(
            f"Can't read the form {form!r} in a tag dictionary: forms are strings."
        )
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError(
            f"Can't read the tags {tags!r} of '{form}' in a tag dictionary: they "
            f'need to be a list, like ["MD", "NN"].'
        )


def collect_dictionary(
    examples: Iterable[Example],
    *,
    min_count: int,
    neg_prefix: str,
    lower: bool = False,
) -> TagDictionary:
    """Build a dictionary from the annotation of examples.

    min_count (int): The number of times that a form must occur with a tag.
    neg_prefix (str): The prefix of a tag that a token does not have.
    lower (bool): Whether to lower-case the forms.
    RETURNS (TagDictionary): The tags that each such form has had.
    """
    counts: Dict[str, int] = {}
    tags: Dict[str, Set[str]] = {}
    for example in examples:
        for token in example.reference:
            _, is_negated = split_negation(token.tag_, neg_prefix)
            if token.tag_ and not is_negated and not token.is_space:
                form = token.lower_ if lower else token.text
                counts[form] = counts.get(form, 0) + 1
                tags.setdefault(form, set()).add(token.tag_)
    return {
        form: sorted(tags[form])
        for form, count in sorted(counts.items())
        if count >= min_count
    }


def tag_row(
    tags: Iterable[str], labels: Sequence[str], source: str
) -> NDArray[numpy.bool_]:
    """Return a row that is True for the labels that are among the tags.

    source (str): The place that the tags come from, for the error.
    RETURNS (NDArray[numpy.bool_]): *Shape:* (n_labels,)
    RAISES (ValueError): If a tag is not one of the labels.
    """
    wanted = set(tags)
    unknown = sorted(wanted.difference(labels))
    if unknown:
        raise ValueError(
            f"The tags {unknown} in {source} are not among the {len(labels)} labels of "
            f"the component. Remove them, or train with data that has them."
        )
    return numpy.asarray([label in wanted for label in labels])


def allowed_by_user(
    doc: Doc, labels: Sequence[str], attribute: Optional[str]
) -> Optional[NDArray[numpy.bool_]]:
    """Read `doc._.{attribute}`.

    attribute (Optional[str]): The name of the attribute, or None if there is none.
    RETURNS (Optional[NDArray[numpy.bool_]]): None if it is not set.
        *Shape:* (n_tokens, n_labels)
    RAISES (ValueError): If it has unknown tags, or tokens that don't exist.
    """
    given = get_allowed_tags(doc, attribute)
    if given is None:
        return None
    allowed = numpy.ones((len(doc), len(labels)), dtype=bool)
    for token, tags in given.items():
        allowed[token] = tag_row(tags, labels, f"'doc._.{attribute}' of token {token}")
    return allowed


def allowed_tags(
    docs: Sequence[Doc],
    labels: Sequence[str],
    dictionary: Optional[AllowedForms],
    attribute: Optional[str],
) -> Optional[NDArray[numpy.bool_]]:
    """Find the tags that the tokens of documents may get. `doc._.{attribute}` takes the
    place of the dictionary for a document that has it.

    attribute (Optional[str]): The name of the attribute, or None if there is none.
    RETURNS (Optional[NDArray[numpy.bool_]]): None if any tag is allowed everywhere.
        *Shape:* (n_tokens, n_labels), of all documents together.
    """
    given = [allowed_by_user(doc, labels, attribute) for doc in docs]
    if dictionary is None and all(rows is None for rows in given):
        return None
    found = []
    for doc, rows in zip(docs, given):
        if rows is None and dictionary is not None:
            rows = dictionary.look_up(doc)
        elif rows is None:
            rows = numpy.ones((len(doc), len(labels)), dtype=bool)
        found.append(rows)
    return lift_impossible(numpy.concatenate(found))


def look_up_training(
    example: Example, dictionary: AllowedForms, attribute: Optional[str]
) -> NDArray[numpy.bool_]:
    """Find the tags that the dictionary allows the predicted tokens of an example: all
    of them if the reference has `doc._.{attribute}`.

    attribute (Optional[str]): The name of the attribute, or None if there is none.
    RETURNS (NDArray[numpy.bool_]): *Shape:* (n_tokens, n_labels)
    """
    rows = dictionary.look_up(example.predicted)
    is_overridden = get_allowed_tags(example.reference, attribute) is not None
    return numpy.ones_like(rows) if is_overridden else rows


def lift_impossible(allowed: NDArray[numpy.bool_]) -> NDArray[numpy.bool_]:
    """Allow all tags, with a warning, where none is left."""
    impossible = ~allowed.any(axis=1)
    if impossible.any():
        warnings.warn(
            "Some tokens have no tag left: what is known of them rules out all tags "
            "that are allowed, by the tag dictionary or by the custom attribute of the "
            "document. They are treated as if any was allowed.",
            stacklevel=2,
        )
        allowed = allowed | impossible.reshape(-1, 1)
    return allowed
