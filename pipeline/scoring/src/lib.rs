//! Model manifests, the gate, the tokeniser and the ONNX encoder.
