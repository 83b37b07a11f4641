"""The adapter of GigaChat, Sber's multimodal model."""
