"""Tools for developers of catalogd: samples, the default model, benchmarks. Never imported by the product."""
