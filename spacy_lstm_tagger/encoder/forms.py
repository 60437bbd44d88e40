"""Documents as integer arrays: the word form of each token, and the word and the
characters of each form."""

from dataclasses import dataclass
from typing import Any, List, Sequence, Tuple, cast

import numpy
from numpy.typing import NDArray
from spacy.attrs import IS_SPACE, ORTH, SPACY
from spacy.lexeme import Lexeme
from spacy.tokens import Doc
from spacy.vocab import Vocab

from .spacing import find_spacing
from .vocabulary import PADDING, WORD_END, WORD_START, Vocabulary


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch of documents that an encoder reads: all but whitespace.

    orths (NDArray[numpy.uint64]): Hashes of the forms of these tokens, document after
        document. *Shape:* (n_read,)
    vector_keys (NDArray[numpy.uint64]): Their keys into the table of static vectors.
        *Shape:* (n_read,)
    spacing (NDArray[numpy.int64]): Their spacing, as by `find_spacing`.
        *Shape:* (n_read,)
    is_read (NDArray[numpy.bool_]): True for these among all tokens.
        *Shape:* (n_tokens,)
    doc_lengths (NDArray[numpy.int64]): The number of them in each document.
        *Shape:* (n_docs,)
    """

    orths: NDArray[numpy.uint64]
    vector_keys: NDArray[numpy.uint64]
    spacing: NDArray[numpy.int64]
    is_read: NDArray[numpy.bool_]
    doc_lengths: NDArray[numpy.int64]


@dataclass(frozen=True)
class Forms:
    """Word forms. A form is a distinct token text. Work that depends on the text alone
    is done once per form.

    word_rows (NDArray[numpy.int64]): Rows of the word table. *Shape:* (n_forms,)
    characters (NDArray[numpy.int64]): Rows of the character table, padded at the
        end. *Shape:* (n_forms, max_length)
    character_lengths (NDArray[numpy.int64]): *Shape:* (n_forms,)
    """

    word_rows: NDArray[numpy.int64]
    characters: NDArray[numpy.int64]
    character_lengths: NDArray[numpy.int64]


def read_tokens(docs: Sequence[Doc]) -> Tokens:
    """Turn documents, at least one, into arrays."""
    vector_attr = getattr(docs[0].vocab.vectors, "attr", ORTH)
    columns = [ORTH, IS_SPACE, SPACY]
    if vector_attr != ORTH:
        columns.append(vector_attr)
    attributes = numpy.concatenate([doc.to_array(columns) for doc in docs])
    is_space = attributes[:, 1] != 0
    is_read = ~is_space
    read = attributes[is_read]
    lengths = numpy.asarray([len(doc) for doc in docs])
    doc_of_token = numpy.repeat(numpy.arange(len(docs)), lengths)
    spacing = find_spacing(attributes[:, 2] != 0, is_space, lengths)
    return Tokens(
        orths=read[:, 0],
        vector_keys=read[:, columns.index(vector_attr)],
        spacing=spacing[is_read],
        is_read=is_read,
        doc_lengths=numpy.bincount(doc_of_token[is_read], minlength=len(docs)),
    )


def find_forms(
    orths: NDArray[numpy.uint64], vector_keys: NDArray[numpy.uint64]
) -> Tuple[NDArray[numpy.int64], NDArray[numpy.int64]]:
    """Find the distinct forms of tokens. Tokens that are the same but for the key of
    their static vector, which may be that of their norm, are different ones.

    orths (NDArray[numpy.uint64]): Hashes of the forms, or of forms with a spacing.
        *Shape:* (n_tokens,)
    vector_keys (NDArray[numpy.uint64]): *Shape:* (n_tokens,)
    RETURNS (Tuple[NDArray[numpy.int64], NDArray[numpy.int64]]): The first token of each
        form, and the form of each token. *Shape:* (n_forms,) and (n_tokens,)
    """
    if numpy.array_equal(orths, vector_keys):
        _, first, forms = numpy.unique(orths, return_index=True, return_inverse=True)
        return first, forms
    pairs = numpy.stack((orths, vector_keys), axis=1)
    _, first, forms = numpy.unique(
        pairs, axis=0, return_index=True, return_inverse=True
    )
    return first, forms.reshape(-1)


def spell_forms(
    orths: NDArray[numpy.uint64],
    vocabs: Sequence[Vocab],
    vocabulary: Vocabulary,
    *,
    max_characters: int,
) -> Forms:
    """Look up the word and the characters of each form.

    orths (NDArray[numpy.uint64]): Hashes of the forms. *Shape:* (n_forms,)
    vocabs (Sequence[Vocab]): The vocabs of the documents that have them.
    vocabulary (Vocabulary): The words and characters that an encoder knows.
    max_characters (int): The most characters of a form that are read: of longer
        ones, the first and the last half of that.
    """
    lexemes = [_find_lexeme(int(orth), vocabs) for orth in orths]
    texts = [_shorten(lexeme.orth_, max_characters) for lexeme in lexemes]
    lengths = numpy.asarray([len(text) + 2 for text in texts], dtype="int64")
    lower = numpy.asarray([lexeme.lower for lexeme in lexemes], dtype="uint64")
    return Forms(
        word_rows=vocabulary.word_rows(lower),
        characters=_pad_characters(texts, lengths, vocabulary),
        character_lengths=lengths,
    )


def find_vocabs(docs: Sequence[Doc]) -> List[Vocab]:
    """Return the vocabs of documents, which nearly always have the same one."""
    return list({id(doc.vocab): doc.vocab for doc in docs}.values())


def _find_lexeme(orth: int, vocabs: Sequence[Vocab]) -> Lexeme:
    return next(vocab[orth] for vocab in vocabs if cast(Any, orth) in vocab.strings)


def _shorten(text: str, max_characters: int) -> str:
    if len(text) <= max_characters:
        return text
    half = max_characters // 2
    return text[: max_characters - half] + text[len(text) - half :]


def _pad_characters(
    texts: List[str], lengths: NDArray[numpy.int64], vocabulary: Vocabulary
) -> NDArray[numpy.int64]:
    codes = numpy.frombuffer("".join(texts).encode("utf-32-le"), dtype="<u4")
    codes = codes.astype("int64")
    rows = numpy.full((len(texts), lengths.max(initial=0)), PADDING, dtype="int64")
    position = numpy.arange(rows.shape[1])
    last = lengths[:, None] - 1
    rows[(position > 0) & (position < last)] = vocabulary.character_rows(codes)
    rows[:, :1] = WORD_START
    rows[position == last] = WORD_END
    return rows
