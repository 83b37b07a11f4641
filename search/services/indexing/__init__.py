"""Writing the indexes: words, meaning and Qdrant, after each change of a post and all of them anew."""
