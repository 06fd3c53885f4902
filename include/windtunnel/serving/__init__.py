"""The model server: load, parse, predict, format, and its vital signs. No pandas, no scikit-learn: it starts in 0.3 s."""
