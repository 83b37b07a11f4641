"""What words are to a tagger: names of tags, lemmas and keywords. Pure functions of a text."""
