"""Laying one picture on another."""
