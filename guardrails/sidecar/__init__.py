"""The guard as a service beside the agent: decisions over HTTP, and a proxy before the model."""
