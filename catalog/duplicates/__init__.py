"""Exact and near duplicates, and which copy to keep."""
