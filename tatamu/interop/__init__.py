"""Other libraries' names and objects: torch's names for tatamu's modules, torch's models."""
