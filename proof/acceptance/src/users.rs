//! `GET /api/users/@{handle}/short` and `GET /api/me`

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    Person, Stage,
    expect::{equal, has, ok, refused},
};

pub(super) async fn found(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    for person in [sunyoung, scarlett] {
        let (handle, upper) = (&person.handle, person.handle.to_uppercase());
        let written = [
            format!("@{handle}"),
            handle.clone(),
            format!("@{upper}"),
            upper.clone(),
            format!("%40{handle}"),
        ];
        for written in written {
            // A public route: no token.
            let path = format!("/api/users/{written}/short");
            let shown = ok(&path, &stage.request("GET", &path, &[], "").await?)?;
            equal(&path, &shown, &user(person))?;
        }
    }
    Ok(())
}

pub(super) async fn me(stage: &Stage) -> Result<()> {
    for person in &stage.people {
        let shown = ok("/api/me", &stage.get(person, "/api/me").await?)?;
        has("/api/me", &shown, &user(person))?;
    }
    Ok(())
}

fn user(person: &Person) -> Value {
    json!({"uuid": person.uuid, "handle": person.handle, "display_name": person.display_name})
}

pub(super) async fn not_found(stage: &Stage) -> Result<()> {
    for written in
        ["@unknown-handle", "@", "@@sunyoung", "@sun%20young", "@0123456789012345678901234567890", "%00"]
    {
        let path = format!("/api/users/{written}/short");
        let answer = stage.request("GET", &path, &[], "").await?;
        refused(&path, &answer, 404, &["user_not_found"])?;
    }
    Ok(())
}
