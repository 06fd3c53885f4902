"""The words of the project. Standard library and pydantic only, so importing any of it is cheap at DAG parse."""
