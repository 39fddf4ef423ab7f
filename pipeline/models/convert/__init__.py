"""Recipes that turn published weights into ONNX, without the frameworks they were trained in."""
