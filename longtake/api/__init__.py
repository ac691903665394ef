"""What programs ask for by HTTP: `longtake serve`.

Calls what the command line and the page call; holds no logic of its own.
"""
