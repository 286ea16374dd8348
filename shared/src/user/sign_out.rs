//! Sign-outs on all devices (design, section 6).

use tokio_postgres::types::Type;

use super::Users;
use crate::{auth::SignIn, error::Error};

impl Users {
    /// Ends all sign-ins of the caller, this one included. Other functions admit them until their cached UUIDs have ended.
    /// Fails as [`Self::uuid_of`] does.
    pub async fn sign_out(&self, sign_in: &SignIn) -> Result<(), Error> {
        let statement = include_str!("../../../sql/users/sign_out.sql");
        let parameters = [(&sign_in.subject.as_str() as _, Type::TEXT), (&sign_in.at as _, Type::INT8)];
        let rows = self.postgres.query(statement, &parameters).await?;
        self.forget(&sign_in.subject);
        if rows.is_empty() { Err(self.refusal(sign_in).await) } else { Ok(()) }
    }

    /// The reason why a statement that changes the caller has found no row.
    pub(super) async fn refusal(&self, sign_in: &SignIn) -> Error {
        self.forget(&sign_in.subject);
        match self.current_uuid_of(sign_in).await {
            // The row has appeared meanwhile.
            Ok(_) => self.not_provisioned(&sign_in.subject),
            Err(error) => error,
        }
    }
}
