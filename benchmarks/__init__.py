"""The benchmarks behind the figures of RESULTS.md. Run them from the root of the
project, as in `python -m benchmarks.accuracy`. All of them use one thread."""

import os

# Before numpy and torch read them.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
