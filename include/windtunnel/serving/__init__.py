"""The model server: load, parse, predict, format."""
