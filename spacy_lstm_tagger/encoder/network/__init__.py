"""The torch modules that are trained. Imports torch, and knows nothing of spaCy or
thinc."""
