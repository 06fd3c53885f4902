"""What the pages in the Airflow UI read of a model: JSON documents, each written over exactly the one that was seen.

documents   the two documents, and who may replace them
versions    what the ledger and the registry say
batches     what was ingested: published, set aside, refused
rejected    the rows that were set aside, as CSV for a spreadsheet
watch       what the monitor measured and said
lookup      every counted prediction, by its id
"""
