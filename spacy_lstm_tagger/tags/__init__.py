"""From token vectors to tags: output layers, decoding, constraints and the custom
attributes of tokens, which may import thinc, numpy, spaCy's Docs and `crf`."""
