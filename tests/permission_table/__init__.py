"""Who may do what, as the issue and the documentation say it, against what the product answers."""
