"""Fixtures of the release tests: they need versions that really serve."""

from tests.flown import flights_aws, release_of_its_own

__all__ = ["flights_aws", "release_of_its_own"]
