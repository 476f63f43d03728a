"""n8n, read from its PostgreSQL database: what its executions came to, each counted once."""
