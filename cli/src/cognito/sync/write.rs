//! Writes of a plan, conditional on unchanged rows.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use cruddur::{
    auth::Subject,
    error::{Chain, Error},
    postgres::{Postgres, QueryError},
    user::{
        Users,
        confirm::{ConfirmedUser, HANDLE_TAKEN},
    },
};
use tokio_postgres::types::Type;

use super::plan::{Row, Verdict};
use crate::{
    cognito::pool::PoolUser,
    context::{Database, query_cause},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Written,
    /// The handle of the new row.
    Created(String),
    /// Nothing was written, for this reason.
    Conflict(&'static str),
}

const ROW_CHANGED: Done = Done::Conflict("the row has changed; run this command again");

const SUB_TAKEN: Done = Done::Conflict("the sub is in another row now; run this command again");

const NO_HANDLE_LEFT: Done = Done::Conflict("the handle generated from the sub is taken");

#[derive(Debug)]
pub(super) struct Writer<'a> {
    database: &'a Database,
    postgres: Arc<Postgres>,
    users: Users,
}

impl<'a> Writer<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        let postgres = Arc::new(database.postgres());
        Self { database, users: Users::new(Arc::clone(&postgres)), postgres }
    }

    /// Applies a verdict. Returns `None` if nothing has to be written.
    pub(super) async fn apply(&self, user: &PoolUser, verdict: &Verdict) -> Result<Option<Done>> {
        match verdict {
            Verdict::Set(row) | Verdict::Overwrite(row) => self.set(row, &user.sub).await.map(Some),
            Verdict::Create => self.create(user).await.map(Some),
            Verdict::NoRow
            | Verdict::KnownAs(_)
            | Verdict::Unconfirmed
            | Verdict::Disabled
            | Verdict::Conflict(_) => Ok(None),
        }
    }

    async fn set(&self, row: &Row, sub: &str) -> Result<Done> {
        let statement = include_str!("../../../../sql/users/set_cognito_user_id.sql");
        let parameters = [
            (&row.uuid as _, Type::UUID),
            (&row.handle as _, Type::TEXT),
            (&row.cognito_user_id as _, Type::TEXT),
            (&sub as _, Type::TEXT),
            (&row.email as _, Type::TEXT),
        ];
        match self.postgres.query(statement, &parameters).await {
            Ok(rows) if rows.is_empty() => Ok(ROW_CHANGED),
            Ok(_) => Ok(Done::Written),
            Err(error) => match query_cause(&error) {
                Some(QueryError::Refused { constraint: Some(name), .. })
                    if name == "users_cognito_user_id_key" =>
                {
                    Ok(SUB_TAKEN)
                }
                _ => Err(self.database.query_error(&error)),
            },
        }
    }

    async fn create(&self, user: &PoolUser) -> Result<Done> {
        let subject = Subject::new(user.sub.as_str()).context("Cognito lists a user without a sub")?;
        let confirmed = ConfirmedUser {
            subject,
            preferred_username: user.handle.clone(),
            name: user.name.clone(),
            email: user.email.clone(),
            // So that no existing row is taken over.
            email_verified: false,
        };
        let confirmation = match self.users.confirm(&confirmed).await {
            Ok(confirmation) => confirmation,
            Err(Error::Internal(cause)) if Chain(&*cause).to_string().contains(HANDLE_TAKEN) => {
                return Ok(NO_HANDLE_LEFT);
            }
            Err(error) => return Err(self.database.query_error(&error)),
        };
        let uuid = confirmation.user_uuid();
        let users =
            self.users.with_uuids(&[uuid]).await.map_err(|error| self.database.query_error(&error))?;
        let user = users.get(&uuid).context("the user was deleted meanwhile")?;
        Ok(Done::Created(user.handle.clone()))
    }
}

#[cfg(test)]
mod tests {
    use cruddur::user::Handle;
    use uuid::Uuid;

    use super::*;

    fn database() -> Database {
        let server = testing::postgres::unconnected().clone().into();
        Database { server, url: String::new(), place: "the test's".to_owned(), url_name: "database URL" }
    }

    fn pool_user(handle: &str, sub: &str) -> PoolUser {
        PoolUser {
            handle: Some(handle.to_owned()),
            sub: sub.to_owned(),
            status: "CONFIRMED".to_owned(),
            enabled: true,
            name: Some("A Name".to_owned()),
            email: Some(format!("{sub}@example.com")),
            email_verified: true,
        }
    }

    async fn insert(database: &Database, handle: &str, sub: Option<&str>) -> Row {
        let row = Row {
            uuid: Uuid::new_v5(&Uuid::NAMESPACE_OID, handle.as_bytes()),
            handle: handle.to_owned(),
            cognito_user_id: sub.map(str::to_owned),
            email: Some(format!("{handle}@example.com")),
        };
        let statement = "INSERT INTO public.users (uuid, handle, display_name, cognito_user_id, email)
                         VALUES ($1, $2, 'x', $3, $2 || '@example.com')";
        let parameters =
            [(&row.uuid as _, Type::UUID), (&row.handle as _, Type::TEXT), (&sub as _, Type::TEXT)];
        database.postgres().query(statement, &parameters).await.unwrap();
        row
    }

    async fn sub_of(database: &Database, handle: &str) -> Option<String> {
        let statement = "SELECT cognito_user_id FROM public.users WHERE handle = $1";
        database.postgres().query(statement, &[(&handle, Type::TEXT)]).await.unwrap()[0].get(0)
    }

    async fn done(database: &Database, user: &PoolUser, verdict: Verdict) -> Option<Done> {
        Writer::new(database).apply(user, &verdict).await.unwrap()
    }

    #[tokio::test]
    async fn setting_a_sub_is_idempotent() {
        let database = database();
        let row = insert(&database, "fill", None).await;
        let user = pool_user("fill", "fill-sub");
        // The second time as if the first response was lost.
        for _ in 0..2 {
            assert_eq!(done(&database, &user, Verdict::Set(row.clone())).await, Some(Done::Written));
            assert_eq!(sub_of(&database, "fill").await.as_deref(), Some("fill-sub"));
        }
    }

    #[tokio::test]
    async fn a_changed_row_is_not_written() {
        let database = database();
        let row = insert(&database, "changed", Some("changed-since")).await;
        let user = pool_user("changed", "changed-sub");
        let read = Row { cognito_user_id: None, ..row.clone() };
        assert_eq!(done(&database, &user, Verdict::Set(read)).await, Some(ROW_CHANGED));
        let read = Row { cognito_user_id: Some("changed-before".to_owned()), ..row.clone() };
        assert_eq!(done(&database, &user, Verdict::Overwrite(read)).await, Some(ROW_CHANGED));
        let read = Row { email: None, ..row.clone() };
        assert_eq!(done(&database, &user, Verdict::Overwrite(read)).await, Some(ROW_CHANGED));
        let read = Row { handle: "renamed".to_owned(), ..row };
        assert_eq!(done(&database, &user, Verdict::Overwrite(read)).await, Some(ROW_CHANGED));
        assert_eq!(sub_of(&database, "changed").await.as_deref(), Some("changed-since"));
    }

    #[tokio::test]
    async fn a_sub_is_never_in_two_rows() {
        let database = database();
        let row = insert(&database, "second", None).await;
        insert(&database, "first", Some("taken-sub")).await;
        let user = pool_user("second", "taken-sub");
        assert_eq!(done(&database, &user, Verdict::Set(row)).await, Some(SUB_TAKEN));
        assert_eq!(sub_of(&database, "second").await, None);
    }

    #[tokio::test]
    async fn an_overwrite_replaces_the_sub_that_was_read() {
        let database = database();
        let row = insert(&database, "replaced", Some("replaced-old")).await;
        let user = pool_user("replaced", "replaced-new");
        assert_eq!(done(&database, &user, Verdict::Overwrite(row)).await, Some(Done::Written));
        assert_eq!(sub_of(&database, "replaced").await.as_deref(), Some("replaced-new"));
    }

    #[tokio::test]
    async fn a_user_is_created_without_taking_over_a_row() {
        let database = database();
        let row = insert(&database, "seeded", None).await;
        let sub = "aaaa0001-0000-4000-8000-000000000001";
        let user = PoolUser { email: Some("seeded@example.com".to_owned()), ..pool_user("New.User", sub) };
        assert_eq!(done(&database, &user, Verdict::Create).await, Some(Done::Created("New.User".to_owned())));
        assert_eq!(sub_of(&database, &row.handle).await, None);
        let handle = "new.user".parse::<Handle>().unwrap();
        assert_eq!(database.users().with_handle(&handle).await.unwrap().display_name, "A Name");
    }

    #[tokio::test]
    async fn a_user_whose_every_handle_is_taken_is_not_created() {
        let database = database();
        insert(&database, "wanted", None).await;
        insert(&database, "user-bbbb0001", None).await;
        let sub = "bbbb0001-0000-4000-8000-000000000001";
        assert_eq!(done(&database, &pool_user("wanted", sub), Verdict::Create).await, Some(NO_HANDLE_LEFT));
    }

    #[tokio::test]
    async fn a_conflict_writes_nothing() {
        let database = database();
        insert(&database, "contested", Some("contested-old")).await;
        let conflict = super::super::plan::Conflict::HandleTwice;
        let user = pool_user("contested", "contested-new");
        assert_eq!(done(&database, &user, Verdict::Conflict(conflict)).await, None);
        assert_eq!(sub_of(&database, "contested").await.as_deref(), Some("contested-old"));
    }
}
