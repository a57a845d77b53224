"""Pictures: opening photo files and turning them into tensors."""
