"""From PyTorch to a bundle: `python -m tools.export FAMILY:NAME --out FOLDER`. The only place that needs PyTorch."""
