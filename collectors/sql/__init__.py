"""PostgreSQL and MySQL: their sessions, their protocols, and the collectors of both."""
