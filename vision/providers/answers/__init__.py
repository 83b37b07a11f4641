"""Reading the answers of language models: JSON, broken JSON and prose."""
