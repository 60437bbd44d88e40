"""The spacing of tokens: whether there is whitespace before and after them."""

import numpy
from numpy.typing import NDArray

# Bits of a token without whitespace before or after it. Neither is set where spaces are
# unknown, since spaCy takes them for granted then.
JOINED_BEFORE, JOINED_AFTER = 1, 2
N_SPACINGS = 4
# A form with different spacing gets different hashes by them. They differ in many bits,
# since spaCy's symbols have small consecutive numbers instead of hashes.
SALTS = numpy.arange(N_SPACINGS, dtype="uint64") * numpy.uint64(0x9E3779B97F4A7C15)


def find_spacing(
    has_space: NDArray[numpy.bool_],
    is_space: NDArray[numpy.bool_],
    doc_lengths: NDArray[numpy.int64],
) -> NDArray[numpy.int64]:
    """Find the spacing of the tokens of documents. At both ends of a document it is
    as if there were whitespace.

    has_space (NDArray[numpy.bool_]): True for tokens with a space after them.
        *Shape:* (n_tokens,)
    is_space (NDArray[numpy.bool_]): True for whitespace. *Shape:* (n_tokens,)
    doc_lengths (NDArray[numpy.int64]): *Shape:* (n_docs,)
    RETURNS (NDArray[numpy.int64]): `JOINED_BEFORE`, `JOINED_AFTER`, their sum or 0.
        *Shape:* (n_tokens,)
    """
    before_space = has_space | is_space
    before_space[:-1] |= is_space[1:]
    before_space[numpy.cumsum(doc_lengths)[doc_lengths > 0] - 1] = True
    # The first token follows the last one, as any other that starts a document.
    after_space = numpy.roll(before_space, 1)
    return JOINED_BEFORE * ~after_space + JOINED_AFTER * ~before_space


def spaced_forms(
    orths: NDArray[numpy.uint64], spacing: NDArray[numpy.int64]
) -> NDArray[numpy.uint64]:
    """Return hashes of forms with a spacing, made of the hashes of the forms.
    *Shape:* (n_tokens,)"""
    return orths ^ SALTS[spacing]
