"""What the project is deployed and released with."""
