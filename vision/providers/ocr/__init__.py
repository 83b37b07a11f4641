"""The adapter of Tesseract: recognizes text on this machine, costs no tokens."""
