{{/* The keys of the Secret, which are the job's variables, and the value of `connections` in each. */}}
{{- define "etl-sales-target.secrets" -}}
{{- /* secrets: begin; made by `make configuration` */}}
AIRFLOW_CONN_ORACLE_CONN_ID: oracle
AIRFLOW_CONN_POSTGRES_CONN_ID: postgres
ETL_PUSHGATEWAY_PASSWORD: pushgatewayPassword
OPENLINEAGE_API_KEY: openLineageApiKey
{{- /* secrets: end */}}
{{- end }}
