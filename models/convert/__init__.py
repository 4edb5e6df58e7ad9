"""Import of an ONNX repository as a bundle."""
