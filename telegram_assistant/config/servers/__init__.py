"""Variables of servers that the installation talks to."""
