"""Where a log lives: SQLite on one machine, PostgreSQL for several servers. One contract."""
