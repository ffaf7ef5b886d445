"""Writes everything that describes the settings, from their descriptions in the job."""
