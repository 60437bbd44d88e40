"""From Docs to token vectors: a tok2vec. Imports numpy, torch and thinc, and of spaCy
only Docs, vocabs and their attributes."""
