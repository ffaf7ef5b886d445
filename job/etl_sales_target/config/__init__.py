"""What the environment and files tell the job."""
