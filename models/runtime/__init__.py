"""ONNX Runtime: providers, sessions, text encoder, attestation."""
