"""The outside: sources, lake, SageMaker. boto3 and pyiceberg live here."""
