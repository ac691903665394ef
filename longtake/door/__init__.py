"""Who may come in by HTTP, and what they may bring: hosts, origins, tokens, limits, uploads.

Knows ASGI, and neither the page nor what programs ask for.
"""
