//! Migrations of the database: the files in `sql/migrations`, each applied once and in order.

use refinery::{Migration, Runner};
use tokio_postgres::Client;

/// The migrations, oldest first. A released file never changes, since databases store its checksum.
const FILES: [(&str, &str); 8] = [
    ("0001_create_users", include_str!("../../../sql/migrations/0001_create_users.sql")),
    ("0002_add_read_receipts", include_str!("../../../sql/migrations/0002_add_read_receipts.sql")),
    ("0003_index_display_names", include_str!("../../../sql/migrations/0003_index_display_names.sql")),
    ("0004_create_reports", include_str!("../../../sql/migrations/0004_create_reports.sql")),
    ("0005_add_suspensions", include_str!("../../../sql/migrations/0005_add_suspensions.sql")),
    ("0006_add_messages_from", include_str!("../../../sql/migrations/0006_add_messages_from.sql")),
    ("0007_add_erasures", include_str!("../../../sql/migrations/0007_add_erasures.sql")),
    ("0008_add_sign_outs", include_str!("../../../sql/migrations/0008_add_sign_outs.sql")),
];

/// The advisory lock of a migration.
const LOCK: i64 = 0x6372_7564_6475_7200;

/// Why a migration failed. Migrations applied before stay applied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("failed to lock the migrations")]
    Lock(#[source] tokio_postgres::Error),
    /// A migration failed, or the database was migrated with different files.
    #[error("failed to migrate the database")]
    Migrate(#[source] refinery::Error),
}

/// Applies missing migrations. Returns their names, such as `0001_create_users`. Concurrent calls wait for each other.
pub async fn run(client: &mut Client) -> Result<Vec<String>, Error> {
    // Held by the session over all transactions, and released if the session ends.
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.map_err(Error::Lock)?;
    let applied = apply(client).await;
    let unlocked = client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await;
    let applied = applied.map_err(Error::Migrate)?;
    unlocked.map_err(Error::Lock)?;
    Ok(applied)
}

async fn apply(client: &mut Client) -> Result<Vec<String>, refinery::Error> {
    let migrations = FILES.iter().map(|(name, sql)| migration(name, sql)).collect::<Result<Vec<_>, _>>()?;
    let report = Runner::new(&migrations).run_async(client).await?;
    Ok(report.applied_migrations().iter().map(file_name).collect())
}

/// A file for refinery, which names `0001_create_users` `V0001__create_users`.
fn migration(name: &str, sql: &str) -> Result<Migration, refinery::Error> {
    Migration::unapplied(&format!("V{}", name.replacen('_', "__", 1)), sql)
}

fn file_name(migration: &Migration) -> String {
    format!("{:04}_{}", migration.version(), migration.name())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use local::engines::postgres::Postgres;
    use tokio_postgres::{NoTls, error::SqlState};

    use super::*;

    async fn connect(engine: &Postgres) -> Client {
        let (client, connection) = tokio_postgres::connect(engine.database_url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// The constraint that refuses `statement`, and the kind of refusal.
    async fn refusal(client: &Client, statement: &str) -> (SqlState, String) {
        let error = client.execute(statement, &[]).await.unwrap_err();
        let error = error.as_db_error().unwrap();
        (error.code().clone(), error.constraint().unwrap_or_default().to_owned())
    }

    #[test]
    fn the_list_names_every_file_in_its_order() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sql/migrations");
        let files: BTreeMap<String, String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name =
                    path.file_name().unwrap().to_str().unwrap().strip_suffix(".sql").unwrap().to_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect();
        let files: Vec<_> = files.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).collect();
        assert_eq!(files, FILES);
    }

    #[test]
    fn the_files_are_numbered_without_a_gap() {
        let numbered = FILES.iter().zip(1..).map(|((name, sql), number)| {
            let migration = migration(name, sql).unwrap();
            (migration.version(), file_name(&migration), number, *name)
        });
        for (version, file_name, number, name) in numbered {
            assert_eq!((version, file_name.as_str()), (number, name));
        }
    }

    #[tokio::test]
    async fn a_second_run_applies_nothing() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let mut client = connect(&engine).await;
        assert_eq!(run(&mut client).await.unwrap(), FILES.map(|(name, _)| name));
        assert!(run(&mut client).await.unwrap().is_empty());
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_database_migrated_by_other_files_is_refused_and_unlocked() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let mut client = connect(&engine).await;
        run(&mut client).await.unwrap();
        client.execute("UPDATE refinery_schema_history SET name = 'other'", &[]).await.unwrap();
        assert!(matches!(run(&mut client).await, Err(Error::Migrate(_))));
        let locks = client
            .query_one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", &[])
            .await
            .unwrap()
            .get::<_, i64>(0);
        assert_eq!(locks, 0);
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn each_constraint_refuses_by_its_name() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let mut client = connect(&engine).await;
        run(&mut client).await.unwrap();
        client
            .batch_execute(
                "INSERT INTO public.users (uuid, display_name, handle, cognito_user_id)
                 VALUES ('5f2c0000-0000-4000-8000-000000000001', 'Sun-Young', 'SunYoung', 'sub-1'),
                        ('5f2c0000-0000-4000-8000-000000000002', repeat('é', 64), repeat('a', 30), NULL),
                        ('5f2c0000-0000-4000-8000-000000000003', 'x', '_.-', NULL)",
            )
            .await
            .unwrap();
        let unique = [
            ("users_pkey", "uuid, display_name, handle", "'5f2c0000-0000-4000-8000-000000000001', 'x', 'x'"),
            ("users_handle_key", "display_name, handle", "'x', 'sUNyOUNG'"),
            ("users_cognito_user_id_key", "display_name, handle, cognito_user_id", "'x', 'x', 'sub-1'"),
        ];
        for (constraint, columns, values) in unique {
            let statement = format!("INSERT INTO public.users ({columns}) VALUES ({values})");
            assert_eq!(
                refusal(&client, &statement).await,
                (SqlState::UNIQUE_VIOLATION, constraint.to_owned()),
                "{statement}"
            );
        }
        let check = [
            ("users_handle_check", "'x'", "''"),
            ("users_handle_check", "'x'", "repeat('a', 31)"),
            ("users_handle_check", "'x'", "'sun young'"),
            ("users_handle_check", "'x'", "'sunyoung' || chr(10)"),
            ("users_handle_check", "'x'", "'sünyoung'"),
            ("users_display_name_check", "''", "'x'"),
            ("users_display_name_check", "repeat('é', 65)", "'x'"),
        ];
        for (constraint, display_name, handle) in check {
            let statement =
                format!("INSERT INTO public.users (display_name, handle) VALUES ({display_name}, {handle})");
            assert_eq!(
                refusal(&client, &statement).await,
                (SqlState::CHECK_VIOLATION, constraint.to_owned()),
                "{statement}"
            );
        }
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_handle_is_found_by_the_index() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let mut client = connect(&engine).await;
        run(&mut client).await.unwrap();
        client
            .batch_execute(
                "INSERT INTO public.users (display_name, handle) SELECT 'x', 'User' || n FROM generate_series(1, 2000) n;
                 ANALYZE public.users;
                 PREPARE by_handle (text) AS SELECT handle FROM public.users WHERE lower(handle) = lower($1);
                 SET plan_cache_mode = force_generic_plan",
            )
            .await
            .unwrap();
        let handle: String = client.query_one("EXECUTE by_handle('uSER1234')", &[]).await.unwrap().get(0);
        assert_eq!(handle, "User1234");
        let plan: Vec<String> = client
            .query("EXPLAIN (COSTS OFF) EXECUTE by_handle('uSER1234')", &[])
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert_eq!(plan[0], "Index Scan using users_handle_key on users");
        engine.shutdown().await.unwrap();
    }
}
