"""
Reading one file, in a process of its own: knows no Django and no database.

`python -m vision.documents.reading FILE FOLDER LIMITS PARENT` writes lines of JSON to its output:
parts of the text as they are read, names of pictures of scanned pages in FOLDER, and an end.
"""
