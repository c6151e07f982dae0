"""Cases on a real control plane: lanes side by side, each with an app and alerting of its own."""
