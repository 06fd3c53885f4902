"""Fixtures that several of these tests ask for: one embedded AWS with our image for all of them."""

from __future__ import annotations

from tests.flown import flights_aws, release_of_its_own
from tests.release.released import patient, thresholds

__all__ = ["flights_aws", "patient", "release_of_its_own", "thresholds"]
