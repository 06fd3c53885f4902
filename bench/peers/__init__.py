"""Servers of others, each as its own documentation writes them, for the same model: what bench/serving.py measures ours against."""
