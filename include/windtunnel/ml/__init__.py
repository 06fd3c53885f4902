"""What a model knows: schema, expectations, training, metrics, drift. No AWS, no Airflow."""
