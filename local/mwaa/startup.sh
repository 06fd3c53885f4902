#!/bin/bash
# MWAA sources this on each of its machines before Airflow starts; what it exports reaches tasks, DAG files and pages.

# The settings of docs/settings.md are options of the MWAA environment, so one bundle serves every environment: the
# option `windtunnel.bucket` arrives here as AIRFLOW__WINDTUNNEL__BUCKET, and the code reads WINDTUNNEL_BUCKET.
for option in "${!AIRFLOW__WINDTUNNEL__@}"; do
  export "WINDTUNNEL_${option#AIRFLOW__WINDTUNNEL__}=${!option}"
done
unset option

# Libraries that would call home.
export DO_NOT_TRACK=1 SCARF_ANALYTICS=false GX_ANALYTICS_ENABLED=false

# Great Expectations writes 200 lines of INFO per import.
export AIRFLOW__LOGGING__NAMESPACE_LEVELS=great_expectations=WARNING
