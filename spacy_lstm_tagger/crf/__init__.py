"""Exact algorithms for linear-chain CRFs on arrays, which import numpy alone."""
