"""The sections of configuration.json, a file for each group of them. `hub.config.schema` puts them together."""
