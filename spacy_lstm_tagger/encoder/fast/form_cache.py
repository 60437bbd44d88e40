"""A cache of what was computed of word forms."""

import os
import threading
from dataclasses import dataclass
from typing import Callable, Dict, Tuple

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...arrays import find_rows

# For each model. It holds the forms of common texts, and is little beside torch itself.
MAX_BYTES = 2**26
MISSING = -1


class FormCache:
    """A bounded table with a row for each form, below a first row that is always the
    same. When it is full, it is emptied.

    It may be used by several threads, and in forked processes. Rows that were handed
    out never change: where one has to go, there is a new table.

    It outlives spaCy's memory zones, whose strings and lexemes are gone when they end.
    That does no harm: it keeps numbers alone, a hash of each form and what was computed
    of its text. No hash that is kept is turned back into a string. Only forms that are
    missing are spelled, by the documents that have them now. And a hash that comes back
    in a later zone is that of the same string, since spaCy makes it of the string alone
    (`StringStore.add`). That two of 1.2 million hashes are the same by chance has a
    probability of 1 in 25 million, in zones and without them.

    first_row (Tensor): The first row. *Shape:* (1, width)
    max_bytes (int): The most bytes to keep of forms. Those that are needed at once are
        kept until there are others, however many they are.
    """

    def __init__(self, first_row: Tensor, *, max_bytes: int = MAX_BYTES) -> None:
        self._max_forms = max_bytes // (4 * first_row.shape[1])
        self._kept = _Kept(
            forms=numpy.zeros(0, dtype="uint64"),
            rows=numpy.zeros(0, dtype="int64"),
            table=first_row,
        )
        self._locks: Dict[int, threading.Lock] = {}

    def look_up(
        self,
        forms: NDArray[numpy.uint64],
        tokens: NDArray[numpy.int64],
        compute: Callable[[NDArray[numpy.int64]], Tensor],
    ) -> Tuple[Tensor, NDArray[numpy.int64]]:
        """Find the rows of forms.

        forms (NDArray[numpy.uint64]): Sorted and unique. *Shape:* (n_forms,)
        tokens (NDArray[numpy.int64]): For each form, a token that has it.
            *Shape:* (n_forms,)
        compute (Callable[[NDArray[numpy.int64]], Tensor]): Makes the rows of missing
            forms from their tokens. *Shape:* (n_missing,) to (n_missing, width)
        RETURNS (Tuple[Tensor, NDArray[numpy.int64]]): A table, and the row of each
            form in it. *Shape:* (n_rows, width) and (n_forms,)
        """
        # One for each process: another thread may hold it when this one is forked.
        with self._locks.setdefault(os.getpid(), threading.Lock()):
            kept = self._kept
            rows = kept.find(forms)
            missing = rows == MISSING
            if missing.any():
                computed = compute(tokens[missing])
                if len(kept.forms) + len(computed) > self._max_forms:
                    kept = kept.only(forms[~missing])
                kept = kept.with_rows(forms[missing], computed, self._max_forms)
                rows = kept.find(forms)
                # In one step: a process may be forked at any time.
                self._kept = kept
            return kept.table, rows


@dataclass(frozen=True)
class _Kept:
    """Sorted forms, the row of each, and a table that begins with another row and may
    have unused ones at its end.
    *Shape:* (n_forms,), (n_forms,) and (n_rows, width)"""

    forms: NDArray[numpy.uint64]
    rows: NDArray[numpy.int64]
    table: Tensor

    def find(self, forms: NDArray[numpy.uint64]) -> NDArray[numpy.int64]:
        """Return the row of each form, or `MISSING`."""
        places = find_rows(self.forms, forms, 0, len(self.forms))
        return numpy.append(self.rows, MISSING)[places]

    def only(self, forms: NDArray[numpy.uint64]) -> "_Kept":
        """Return a table of these forms alone."""
        rows = torch.from_numpy(numpy.append(0, self.find(forms)))
        return _Kept(forms, numpy.arange(1, len(rows)), self.table[rows])

    def with_rows(
        self, forms: NDArray[numpy.uint64], computed: Tensor, max_forms: int
    ) -> "_Kept":
        """Return a table with the rows of more forms, and room for `max_forms`."""
        start = len(self.forms) + 1
        end = start + len(forms)
        table = self.table
        if end > len(table):
            # All at once, although most may never be used: memory that is not written
            # to is none. Tables that grew would leave gaps behind, which add up.
            table = table.new_empty((max(end, max_forms + 1), table.shape[1]))
            table[:start] = self.table[:start]
        table[start:end] = computed
        all_forms = numpy.concatenate((self.forms, forms))
        all_rows = numpy.concatenate((self.rows, numpy.arange(start, end)))
        order = numpy.argsort(all_forms)
        return _Kept(all_forms[order], all_rows[order], table)
