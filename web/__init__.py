"""Pages over a registry, to read in a browser; needs the extra `web`.

Read-only: nothing is written, embedded or asked of a model. `web.serving.serve` is what `fute serve` runs.
"""
