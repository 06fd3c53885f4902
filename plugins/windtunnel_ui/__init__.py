"""The pages of windtunnel in the Airflow UI. Imports nothing of `windtunnel`: the API server of MWAA has no DAG folder."""
