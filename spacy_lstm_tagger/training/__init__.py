"""Annotation, losses, augmenters, callbacks and vocabularies: all that only training
needs. May import `encoder`, `tags` and `crf`."""
