"""What one caller may take of the service, so that there is something left for the others."""
