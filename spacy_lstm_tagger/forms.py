"""Documents as integer arrays: the unique word forms of a batch, their words
and characters, and which token has which form."""

from dataclasses import dataclass
from typing import List, Sequence

import numpy
from numpy.typing import NDArray
from spacy.attrs import IS_SPACE, LOWER, ORTH
from spacy.tokens import Doc

from .vocabulary import PADDING, WORD_END, WORD_START, Vocabulary


@dataclass(frozen=True)
class Forms:
    """What an encoder reads of a batch of documents.

    A form is a distinct token text; whatever depends on the text alone is done
    once per form. Whitespace tokens have no form: an encoder does not read them.

    word_rows (NDArray[numpy.int64]): Rows of the word table. *Shape:* (n_forms,)
    characters (NDArray[numpy.int64]): Rows of the character table, padded at the
        end. *Shape:* (n_forms, max_length)
    character_lengths (NDArray[numpy.int64]): *Shape:* (n_forms,)
    vector_keys (NDArray[numpy.uint64]): Keys into the table of static vectors.
        *Shape:* (n_forms,)
    token_forms (NDArray[numpy.int64]): The form of each token that is not
        whitespace, document after document. *Shape:* (n_read,)
    is_read (NDArray[numpy.bool_]): Which of all tokens are not whitespace.
        *Shape:* (n_tokens,)
    doc_lengths (NDArray[numpy.int64]): How many tokens of each document are not
        whitespace. *Shape:* (n_docs,)
    """

    word_rows: NDArray[numpy.int64]
    characters: NDArray[numpy.int64]
    character_lengths: NDArray[numpy.int64]
    vector_keys: NDArray[numpy.uint64]
    token_forms: NDArray[numpy.int64]
    is_read: NDArray[numpy.bool_]
    doc_lengths: NDArray[numpy.int64]


def extract_forms(
    docs: Sequence[Doc], vocabulary: Vocabulary, *, max_characters: int
) -> Forms:
    """Turn documents into arrays.

    docs (Sequence[Doc]): The documents.
    vocabulary (Vocabulary): The words and characters to look up.
    max_characters (int): How many characters of a form are read: of longer ones,
        the first and the last half of that.
    """
    vector_attr = getattr(docs[0].vocab.vectors, "attr", ORTH)
    columns = [ORTH, LOWER, IS_SPACE, vector_attr]
    attributes = numpy.concatenate([doc.to_array(columns) for doc in docs])
    is_read = attributes[:, 2] == 0
    doc_of_token = numpy.repeat(numpy.arange(len(docs)), [len(doc) for doc in docs])
    doc_of_token = doc_of_token[is_read]
    read = attributes[is_read]
    orths, first, token_forms = numpy.unique(
        read[:, 0], return_index=True, return_inverse=True
    )
    texts = [
        _shorten(docs[doc].vocab.strings[int(orth)], max_characters)
        for orth, doc in zip(orths, doc_of_token[first])
    ]
    lengths = numpy.asarray([len(text) + 2 for text in texts], dtype="int64")
    return Forms(
        word_rows=vocabulary.word_rows(read[first, 1]),
        characters=_pad_characters(texts, lengths, vocabulary),
        character_lengths=lengths,
        vector_keys=read[first, 3],
        token_forms=token_forms.reshape(-1),
        is_read=is_read,
        doc_lengths=numpy.bincount(doc_of_token, minlength=len(docs)),
    )


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
