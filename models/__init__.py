"""Model bundles and all that makes a vector of bytes: decode, prepare, run, attest."""
