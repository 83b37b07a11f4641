"""What is said to browsers with every answer, what of a request is not even read, rights of files."""
