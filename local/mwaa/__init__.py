"""The project on Amazon MWAA: the bundle that is uploaded, and the proof that MWAA can run it."""
