"""The archive for programs that speak the Model Context Protocol: five tools that read."""
