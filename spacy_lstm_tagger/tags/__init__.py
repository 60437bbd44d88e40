"""From token vectors to tags: output layers, decoding, constraints, and what is left at
the tokens. Imports thinc, numpy, spaCy's Docs and `crf`."""
