"""The quality of a trained pipeline: probabilities, calibration and the report. Imports
the component and `tags`."""
