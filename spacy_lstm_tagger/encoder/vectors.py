"""Static vectors of a pipeline's vocab."""

import numpy
from numpy.typing import NDArray
from spacy.vectors import Mode
from spacy.vocab import Vocab
from thinc.api import Ops
from thinc.types import Floats2d


def find_vectors(ops: Ops, vocab: Vocab, keys: NDArray[numpy.uint64]) -> Floats2d:
    """Look up the static vectors of the vocab, from a plain or a floret table.

    keys (NDArray[numpy.uint64]): Hashes of the attribute that the table is keyed
        by. *Shape:* (n_keys,)
    RETURNS (Floats2d): Zeros where the table has no vector, or no finite number.
        *Shape:* (n_keys, vectors_width)
    RAISES (ValueError): If the vocab has no vectors.
    """
    vectors = vocab.vectors
    if not vectors.shape[1]:
        raise ValueError(
            "The model has 'include_static_vectors = true', but the pipeline has no "
            "word vectors. Name a package with vectors in the config's "
            "'vectors' of [initialize], or set 'include_static_vectors = false'."
        )
    if getattr(vectors, "mode", None) != Mode.default:
        found = ops.as_contig(ops.asarray2f(vectors.get_batch(keys)))
    elif not vectors.shape[0]:
        return ops.alloc2f(len(keys), vectors.shape[1])
    else:
        rows = vectors.find(keys=keys)
        found = ops.asarray2f(vectors.data[rows])
        found[ops.asarray1i(rows) < 0] = 0
    return ops.xp.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0)
