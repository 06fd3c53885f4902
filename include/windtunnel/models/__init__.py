"""One folder per model. `core.catalog` finds them."""
