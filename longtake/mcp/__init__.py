"""What assistants ask for by the Model Context Protocol: `longtake mcp`.

Calls what the command line and the page call; holds no logic of its own.
"""
