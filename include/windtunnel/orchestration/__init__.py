"""The only part that knows Airflow."""
