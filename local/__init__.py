"""The project on one machine: environments, ports, settings and services. Never shipped.

Everything here but `metadata` and `demo` runs on any Python from 3.8 on, with the standard library alone: it has to
work before anything is installed.
"""
