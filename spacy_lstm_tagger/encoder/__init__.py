"""From Docs to token vectors: a tok2vec. Imports numpy, torch, safetensors and thinc,
and of spaCy Docs, vocabs and vectors with their attributes, and its logger."""
