//! Statements and their errors.

use crate::context::Database;

/// The database that every server has. Other databases are created and dropped from it.
pub(super) const MAINTENANCE: &str = "postgres";

/// Describes a failed statement, without the server's detail and hint, which quote values.
pub(super) fn statement_error(database: &Database, error: &tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(error) => anyhow::anyhow!(
            "PostgreSQL at {}: {} (SQLSTATE {})",
            database.place,
            error.message(),
            error.code().code()
        ),
        None => database.connect_error(error),
    }
}

/// Quotes an identifier.
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
