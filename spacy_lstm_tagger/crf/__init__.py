"""Exact algorithms for linear-chain CRFs. Imports numpy alone."""
