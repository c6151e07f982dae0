"""The decision API over HTTP: one table of operations gives routes, rights and OpenAPI document."""
