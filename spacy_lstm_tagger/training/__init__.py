"""What training adds: annotation, losses, augmenters, callbacks and vocabularies.
Imports `encoder`, `tags` and `crf`."""
