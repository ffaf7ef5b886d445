"""The image in containers, a cluster, and an Airflow: what the end-to-end tests work with."""
