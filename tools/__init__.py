"""Tools for makers of catalogd: samples, the default model, benchmarks. Never imported by the product."""
