//! Statements.

use crate::context::Database;

/// The database that every server has, and from which the others are made and dropped.
pub(super) const MAINTENANCE: &str = "postgres";

/// One line about a statement that failed. The server's detail and hint are left out: they quote values.
pub(super) fn statement_error(database: &Database, error: &tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(refusal) => anyhow::anyhow!(
            "PostgreSQL at {}: {} (SQLSTATE {})",
            database.place,
            refusal.message(),
            refusal.code().code()
        ),
        None => database.connect_error(error),
    }
}

/// `name` as an identifier in a statement.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_identifier() {
        assert_eq!(quoted("cruddur"), r#""cruddur""#);
        assert_eq!(quoted(r#"a"; DROP TABLE users; --"#), r#""a""; DROP TABLE users; --""#);
    }
}
