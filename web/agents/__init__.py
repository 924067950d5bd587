"""A registry's answers for programs that speak the Model Context Protocol; needs the extra `mcp`.

Read-only, as the pages are: nothing is written, no model is asked. `web.agents.server.serve` is what `fute mcp` runs.
"""
