//! The database of users, before the functions that need its schema.

use anyhow::Result;
use cruddur::config::environment;
use percent_encoding::percent_decode_str;
use tokio_postgres::error::SqlState;

use super::answers::{self, Answers, Ask};
use crate::{
    advice::advised,
    context::{Context, Database, note},
    db,
    global::DatabaseAuth,
};

/// The parameter with the URL of a role, the role's name in docs/DEPLOY.md, and its grants.
const ROLES: [(&str, &str, &str); 2] = [
    ("DatabaseUrl", "cruddur", include_str!("../../../sql/roles/functions.sql")),
    ("LookUpDatabaseUrl", "cruddur_look_up", include_str!("../../../sql/roles/look_up.sql")),
];

/// Quotes an existing role and the database as identifiers.
const QUOTED: &str =
    "SELECT quote_ident(rolname), quote_ident(current_database()) FROM pg_roles WHERE rolname = $1";

/// The owner's URL, for messages.
const OWNER: &str = "owner's URL";

/// Reads a row as both database roles of the functions may.
const PROBE: &str = "SELECT uuid, handle, display_name FROM public.users LIMIT 0";

/// Returns the context with the owner's URL, which it asks for.
pub(super) fn as_owner(context: &Context, ask: Ask) -> Result<Context> {
    if context.global.database_url.is_some() || environment("DATABASE_URL").is_some() {
        return Ok(context.with_database(OWNER, context.global.database_url.clone()));
    }
    if ask == Ask::Nothing {
        return Err(advised(
            "no URL of the database's owner, who applies migrations",
            "set DATABASE_URL or --database-url, or use --skip-database if the database is migrated and can't be reached \
             from here",
        ));
    }
    note(
        "\nDatabase owner\n\n  URL of the same database for its owner, who applies migrations. It is not stored.",
    );
    note("  Set DATABASE_URL to skip this question.");
    note("  URL (not shown): ");
    Ok(context.with_database(OWNER, Some(answers::read_hidden()?.trim().to_owned())))
}

/// Applies missing migrations, and grants the functions' roles what the statements of this version need. Skips a role that
/// does not exist, with a note.
pub(super) async fn migrate(context: &Context, database: &Database, answers: &Answers) -> Result<()> {
    db::migrate(context, database).await?;
    let connection = database.connect().await?;
    let granted = async {
        for (parameter, role, statements) in ROLES {
            // The stack does not show the URLs that it keeps.
            let given = answers.value(parameter).and_then(user);
            let is_given = given.is_some();
            let role = given.unwrap_or_else(|| role.to_owned());
            if let Some(row) = connection.client.query_opt(QUOTED, &[&role]).await? {
                let statements = statements.replace(":\"role\"", row.try_get(0)?);
                let statements = statements.replace(":\"database\"", row.try_get(1)?);
                connection.client.batch_execute(&statements).await?;
            } else if answers.keeps(parameter) {
                note(&format!(
                    "no role {role}: nothing granted; if {parameter} names another role, give --parameter {parameter}=@FILE, \
                     or run the GRANT statements in section 1 of docs/DEPLOY.md"
                ));
            } else if is_given {
                note(&format!(
                    "no role {role}: nothing granted; run the GRANT statements in section 1 of docs/DEPLOY.md"
                ));
            }
        }
        Ok(())
    };
    let granted = granted.await;
    connection.close().await;
    granted.map_err(|error| database.postgres_error(&error))
}

/// The user in a database's URL.
fn user(url: &str) -> Option<String> {
    let (user_and_password, _) = url.split_once("://")?.1.rsplit_once('@')?;
    let user = user_and_password.split_once(':').map_or(user_and_password, |(user, _)| user);
    Some(percent_decode_str(user).decode_utf8_lossy().into_owned())
}

/// Signs in with the URLs of the functions' roles that this run knows and can use. Returns their databases.
pub(super) async fn sign_in_roles(context: &Context, answers: &Answers) -> Result<Vec<Database>> {
    let signs_in_with_iam = |name| answers.value(name).is_some_and(|user| !user.is_empty());
    let mut databases = Vec::new();
    for (parameter, iam_user, name) in [
        ("DatabaseUrl", "DatabaseIamUser", "parameter DatabaseUrl"),
        ("LookUpDatabaseUrl", "LookUpDatabaseIamUser", "parameter LookUpDatabaseUrl"),
    ] {
        let Some(url) = answers.value(parameter).filter(|url| !url.is_empty()) else { continue };
        // Only the functions may sign in with IAM, and only CloudFormation resolves references.
        if signs_in_with_iam(iam_user) || url.contains("{{resolve:") {
            note(&format!("{parameter} can't be checked from here"));
            continue;
        }
        let mut role = context.with_database(name, Some(url.to_owned()));
        role.global.database_auth = Some(DatabaseAuth::Password);
        let database = role.database().await?;
        database.sign_in().await?;
        databases.push(database);
    }
    Ok(databases)
}

/// Checks that the functions' roles can read users.
pub(super) async fn check_roles(databases: &[Database]) -> Result<()> {
    for database in databases {
        let connection = database.connect().await?;
        let read = connection.client.batch_execute(PROBE).await;
        connection.close().await;
        read.map_err(|error| match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => advised(
                format!("the role of the {} may not read users in {}", database.url_name, database.place),
                "as the owner of the tables, run the GRANT statements in section 1 of docs/DEPLOY.md",
            ),
            _ => database.postgres_error(&error),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_a_url_is_decoded() {
        let host = "db.example:5432/cruddur?sslmode=verify-full";
        assert_eq!(user(&format!("postgresql://cruddur:p%40ss@{host}")).unwrap(), "cruddur");
        assert_eq!(user(&format!("postgres://a%20b@{host}")).unwrap(), "a b");
        assert_eq!(user(&format!("postgresql://{host}")), None);
    }

    #[test]
    fn the_guide_has_the_same_grants() {
        let in_guide = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let guide = in_guide(include_str!("../../../docs/DEPLOY.md"));
        for (_, role, statements) in ROLES {
            let statements = statements.replace(":\"role\"", role).replace(":\"database\"", "cruddur");
            for statement in statements.lines().skip(1).collect::<Vec<_>>().join(" ").split_inclusive(';') {
                assert!(guide.contains(&in_guide(statement)), "{statement}");
            }
        }
    }
}
