"""NumPy learners, metrics, calibration."""
