"""Arrival delay of flights from New York, asked for at departure."""
