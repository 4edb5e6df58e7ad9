"""A foreign ONNX repository made into a bundle."""
