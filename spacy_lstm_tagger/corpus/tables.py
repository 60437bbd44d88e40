"""A callable from tables of texts to tables of tags, for all that maps tables."""

import contextlib
from itertools import chain
from typing import (
    Any,
    ContextManager,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

import numpy
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_model

from ..evaluation.probabilities import find_tagger, tag_probabilities
from ..texts import cut_text
from .columns import TYPES, make_columns
from .options import CONFIDENCES, TAGS, TOKENS

# After so many characters, everything that is kept of their words is let go.
ZONE_CHARACTERS = 250_000
ERROR = "error"
# The column with the reason why a row can't be read, before it is in that of errors.
UNREAD = "spacy_lstm_tagger_unread"
# The document of a piece of a text, or why there is none.
Tagged = Union[Doc, Exception]


class Pieces(NamedTuple):
    """What is found in pieces of texts.

    lengths (List[int]): The tokens of each piece.
    errors (List[Optional[str]]): Why there are none, for each piece.
    columns (Dict[str, Any]): Arrays of the values of all tokens.
        *Shape:* (n_tokens,)
    """

    lengths: List[int]
    errors: List[Optional[str]]
    columns: Dict[str, Any]


class TableTagger:
    """Tags the texts of Arrow tables. The pipeline is loaded once, when the first table
    comes; a tagger that is pickled leaves it behind.

    model (str): The name or path of the pipeline.
    text_column (str): The column with the texts.
    columns (Sequence[str]): The columns to add, each with a list for each text: any of
        "tokens", "tags", "pos", "lemmas", "spaces" (whether a space follows),
        "sentence_starts" and "confidences" (the probabilities of the tags).
    max_length (Optional[int]): The most characters that the pipeline reads at a time,
        no more than it allows: a longer text is read in pieces. By default, that many.
    batch_size (Optional[int]): The texts of a batch, by default those of the pipeline.
    RAISES (ValueError): If a column can't be added, or a number is less than 1.
    """

    def __init__(
        self,
        model: str,
        *,
        text_column: str = "text",
        columns: Sequence[str] = (TOKENS, TAGS),
        max_length: Optional[int] = None,
        batch_size: Optional[int] = None,
    ) -> None:
        if not set(columns) <= set(TYPES) or len(set(columns)) < len(columns):
            raise ValueError(
                f"Can't add the columns {list(columns)}: it can be each of "
                f"{list(TYPES)} once."
            )
        for name, number in (("max_length", max_length), ("batch_size", batch_size)):
            if number is not None and number < 1:
                raise ValueError(f"'{name} = {number}' needs to be at least 1.")
        self.model = str(model)
        self.text_column = text_column
        self.columns = tuple(columns)
        self.max_length = max_length
        self.batch_size = batch_size
        self._nlp: Optional[Language] = None

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_nlp": None}

    @property
    def nlp(self) -> Language:
        """The pipeline.

        RAISES (OSError): If there is none of this name or path.
        RAISES (ValueError): If probabilities are wanted, and it has no tagger.
        """
        if self._nlp is None:
            nlp = load_model(self.model)
            if CONFIDENCES in self.columns:
                find_tagger(nlp)
            self._nlp = nlp
        return self._nlp

    def __call__(self, table: pa.Table) -> pa.Table:
        """Tag the texts of a table.

        RETURNS (pa.Table): The same rows and columns, and the new columns after them. A
            text that is empty or null has empty lists. One that the pipeline fails on
            has none, and the reason in the column "error", which is null otherwise.
        RAISES (ValueError): If the table has no column of texts, or has one of those
            that are added.
        """
        schema = self.extend_schema(table.schema)
        texts = table.column(self.text_column).to_pylist()
        pieces = [cut_text(text or "", self._piece_length) for text in texts]
        rows = self._join(list(map(len, pieces)), self._tag_all(chain(*pieces)))
        for name in (*self.columns, ERROR):
            table = table.append_column(schema.field(name), rows[name])
        return table

    def extend_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema of what is made of a table with another one.

        RAISES (ValueError): See `__call__`.
        """
        if self.text_column not in schema.names:
            raise ValueError(
                f"There is no column '{self.text_column}' with texts among "
                f"{schema.names}. Name the one that has them."
            )
        kind = schema.field(self.text_column).type
        if kind not in (pa.string(), pa.large_string(), pa.string_view(), pa.null()):
            raise ValueError(
                f"The column '{self.text_column}' has no texts, but {kind}. Name one "
                f"that has them."
            )
        for name in (*self.columns, ERROR):
            if name in schema.names:
                raise ValueError(
                    f"There is a column '{name}' already. Rename it, or leave it out."
                )
            kind = pa.list_(TYPES[name]) if name in TYPES else pa.string()
            schema = schema.append(pa.field(name, kind))
        return schema

    @property
    def _piece_length(self) -> int:
        allowed = self.nlp.max_length
        return min(self.max_length or allowed, allowed)

    def _tag_all(self, pieces: Iterable[str]) -> Pieces:
        """Tag pieces of texts. What is kept of their words is let go now and then,
        within a long text, too."""
        groups = [self._tag(group) for group in _group(pieces)]
        return Pieces(
            list(chain.from_iterable(group.lengths for group in groups)),
            list(chain.from_iterable(group.errors for group in groups)),
            {
                name: pa.chunked_array([g.columns[name] for g in groups], TYPES[name])
                for name in self.columns
            },
        )

    def _tag(self, pieces: List[str]) -> Pieces:
        """Tag pieces of texts that are in memory together. No document outlives it."""
        with _memory_zone(self.nlp):
            tagged = self._run(pieces)
            docs = [found for found in tagged if isinstance(found, Doc)]
            columns = make_columns(self.columns, docs, self._find_confidences)
            lengths = [len(found) if isinstance(found, Doc) else 0 for found in tagged]
            errors = [_describe(found) for found in tagged]
            del docs, tagged
        return Pieces(lengths, errors, columns)

    def _join(self, n_pieces: List[int], pieces: Pieces) -> Dict[str, pa.Array]:
        """Return the columns that are added, with a row for each text.

        n_pieces (List[int]): The number of the pieces of each text.
        """
        rows = numpy.repeat(numpy.arange(len(n_pieces)), n_pieces)
        errors: List[Optional[str]] = [None] * len(n_pieces)
        for row, error in zip(rows.tolist(), pieces.errors):
            errors[row] = errors[row] or error
        failed = numpy.array([error is not None for error in errors], dtype=bool)
        # Of a text that has failed in one piece, nothing is kept.
        of_token = numpy.repeat(rows, pieces.lengths)
        is_kept = pa.array(~failed[of_token])
        n_tokens = numpy.bincount(of_token, minlength=len(failed)) * ~failed
        offsets = pa.array(numpy.concatenate([[0], n_tokens]).cumsum(), pa.int32())
        lists = {
            name: pa.ListArray.from_arrays(
                offsets,
                values.filter(is_kept).combine_chunks(),
                mask=pa.array(failed),
            )
            for name, values in pieces.columns.items()
        }
        return {**lists, ERROR: pa.array(errors, pa.string())}

    def _run(self, pieces: List[str]) -> List[Tagged]:
        """Run pieces of texts through the pipeline."""
        try:
            return list(self.nlp.pipe(pieces, batch_size=self.batch_size))
        except MemoryError:
            raise
        except Exception as error:
            if len(pieces) == 1:
                return [error]
            # One of them fails, or several do: halves of them, to tell which.
            middle = len(pieces) // 2
            return [*self._run(pieces[:middle]), *self._run(pieces[middle:])]

    def _find_confidences(self, docs: List[Doc]) -> Iterator[NDArray]:
        size = self.batch_size or self.nlp.batch_size
        return tag_probabilities(find_tagger(self.nlp), docs, batch_size=size)


def tag_read(tagger: TableTagger, table: pa.Table) -> pa.Table:
    """Tag a table that was read from a file. Where a row could not be read, there is no
    text, and the reason in the column `UNREAD`: it moves to the column of errors, and
    what would be tags is null."""
    if UNREAD not in table.column_names:
        return tagger(table)
    reasons = table.column(UNREAD)
    tagged = tagger(table.drop_columns([UNREAD]))
    for name in tagger.columns:
        nothing = pa.scalar(None, tagged.schema.field(name).type)
        found = pc.if_else(reasons.is_valid(), nothing, tagged.column(name))
        tagged = _replace(tagged, name, found)
    return _replace(tagged, ERROR, pc.coalesce(tagged.column(ERROR), reasons))


def _replace(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


def _group(pieces: Iterable[str]) -> Iterator[List[str]]:
    """Group pieces of texts that are in memory together."""
    group: List[str] = []
    n_characters = 0
    for piece in pieces:
        group.append(piece)
        n_characters += len(piece)
        if n_characters >= ZONE_CHARACTERS:
            yield group
            group, n_characters = [], 0
    if group:
        yield group


def _memory_zone(nlp: Language) -> ContextManager[Any]:
    """Return a context after which spaCy lets go of new words. spaCy 3.7 keeps them."""
    make_zone = getattr(nlp, "memory_zone", contextlib.nullcontext)
    return make_zone()


def _describe(tagged: Tagged) -> Optional[str]:
    if isinstance(tagged, Exception):
        return f"{type(tagged).__name__}: {tagged}"
    return None
