//! Callers and past conversations.

use std::{fmt, sync::LazyLock};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{random::Random, user::User};
use local::issuer::{Issuer, PoolUser, SigningKey};
use serde_json::json;
use testing::{TestUser, World};
use uuid::Uuid;

use super::specification::Wanted;

/// Another pool's key. Generating one takes a moment.
static OTHER_POOLS_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

/// A kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// Alice, who has talked to bob.
    Member,
    /// Bob.
    OtherMember,
    /// Mallory, who has talked to carol.
    Stranger,
    /// A valid token whose `sub` has no row in users.
    WithoutRow,
    WithoutToken,
    /// Alice, more than an hour after her token was issued.
    Expired,
    /// Alice's `sub` in another pool.
    OtherPool,
    /// Alice's id token.
    IdToken,
}

impl Identity {
    pub(super) const ALL: [Self; 8] = [
        Self::Member,
        Self::OtherMember,
        Self::Stranger,
        Self::WithoutRow,
        Self::WithoutToken,
        Self::Expired,
        Self::OtherPool,
        Self::IdToken,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::OtherMember => "other member",
            Self::Stranger => "stranger",
            Self::WithoutRow => "without row",
            Self::WithoutToken => "no token",
            Self::Expired => "expired",
            Self::OtherPool => "other pool",
            Self::IdToken => "id token",
        }
    }
}

/// A sent message, as in the response to its sender.
#[derive(Clone, Debug)]
pub(super) struct SentMessage {
    pub(super) group: Uuid,
    pub(super) pair: [User; 2],
    pub(super) sender: User,
    pub(super) uuid: String,
    pub(super) created_at: String,
    pub(super) text: String,
}

impl SentMessage {
    pub(super) fn is_of(&self, user: &User) -> bool {
        self.pair.contains(user)
    }

    pub(super) fn sort_key(&self) -> String {
        format!("{}#{}", self.created_at, self.uuid)
    }

    /// Cursor of a list that ends with this message.
    pub(super) fn cursor(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.sort_key())
    }
}

/// A place in an event log: after the row with this number and time, or at the start of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogCursor {
    pub(super) number: i64,
    pub(super) at: i64,
}

impl fmt::Display for LogCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(format!("{}-{}", self.number, self.at)))
    }
}

/// Users, their conversations so far, and used idempotency keys.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) alice: TestUser,
    pub(super) bob: TestUser,
    pub(super) mallory: TestUser,
    pub(super) carol: TestUser,
    pub(super) messages: Vec<SentMessage>,
    pub(super) keys: Vec<(User, &'static str)>,
    /// A state, text or reaction was changed.
    pub(super) is_changed: bool,
}

/// Number of messages at the start.
const AT_FIRST: usize = 6;

/// The key that bob has used.
pub(super) const BOBS_KEY: &str = "bobs-key";

impl Scene {
    /// Creates conversations of alice and bob, alice and carol, mallory and carol.
    pub(super) async fn new() -> Self {
        let world = World::new().await;
        let alice = world.user("alice").await;
        let bob = world.user("bob").await;
        let mallory = world.user("mallory").await;
        let carol = world.user("carol").await;
        for (device, user) in (1..).zip([&alice, &bob, &mallory]) {
            world.connect(user, device, "ABC=").await;
        }
        let mut scene =
            Self { world, alice, bob, mallory, carol, messages: vec![], keys: vec![], is_changed: false };
        for (sender, receiver, text) in [
            (&scene.alice, &scene.bob, "alice tells bob the first thing"),
            (&scene.mallory, &scene.carol, "mallory tells carol the first thing"),
            (&scene.alice, &scene.carol, "alice tells carol something"),
            (&scene.bob, &scene.alice, "bob tells alice the second thing"),
            (&scene.carol, &scene.mallory, "carol tells mallory the second thing"),
        ] {
            scene.world.clock.advance(TimeDelta::seconds(1));
            let sent = scene.world.send(sender, receiver, text).await;
            let message = sent_message(&sent, [&sender.user, &receiver.user]);
            scene.messages.push(message);
            // One by one: each message has a row of its own in the logs.
            scene.world.deliver_all().await;
        }
        scene.world.clock.advance(TimeDelta::seconds(1));
        let body = json!({"handle": scene.alice.user.handle, "message": "bob tells alice the third thing"});
        let key = [("idempotency-key", BOBS_KEY)];
        let sent = scene.world.post_with(&scene.bob, &key, body.to_string()).await.ok();
        scene.messages.push(sent_message(&sent, [&scene.bob.user, &scene.alice.user]));
        scene.keys.push((scene.bob.user.clone(), BOBS_KEY));
        scene.world.deliver_all().await;
        scene.world.clock.advance(TimeDelta::seconds(1));
        scene
    }

    /// Whether messages were sent or changed since the start.
    pub(super) fn has_changed(&self) -> bool {
        self.messages.len() > AT_FIRST || self.is_changed
    }

    /// The newest message between the two users.
    pub(super) fn newest(&self, a: &TestUser, b: &TestUser) -> &SentMessage {
        let between = |message: &&SentMessage| message.is_of(&a.user) && message.is_of(&b.user);
        self.messages.iter().rfind(between).unwrap()
    }

    /// A user's event log: the start, and a row for each message. The start has the time of the first message, which is
    /// its number, too.
    pub(super) fn log(&self, user: &User) -> Vec<(LogCursor, Option<&SentMessage>)> {
        let messages = self.messages[..AT_FIRST].iter().filter(|message| message.is_of(user));
        let at =
            |message: &SentMessage| message.created_at.parse::<DateTime<Utc>>().unwrap().timestamp_millis();
        let start = at(messages.clone().next().unwrap());
        let rows = messages.zip(start + 1..);
        let rows = rows.map(|(message, number)| (LogCursor { number, at: at(message) }, Some(message)));
        [(LogCursor { number: start, at: start }, None)].into_iter().chain(rows).collect()
    }

    /// The user of a request. `None` if the token is rejected or has no user.
    pub(super) fn caller(&self, identity: Identity) -> Option<&User> {
        match identity {
            Identity::Member => Some(&self.alice.user),
            Identity::OtherMember => Some(&self.bob.user),
            Identity::Stranger => Some(&self.mallory.user),
            _ => None,
        }
    }

    /// The request's `Authorization` header.
    pub(super) fn authorization(&self, identity: Identity) -> Option<String> {
        let issuer = &self.world.issuer;
        let (subject, handle) = (&self.alice.subject, &self.alice.user.handle);
        let token = match identity {
            Identity::Member => self.alice.token.clone(),
            Identity::OtherMember => self.bob.token.clone(),
            Identity::Stranger => self.mallory.token.clone(),
            Identity::WithoutRow => self.world.unprovisioned_user().token,
            Identity::WithoutToken => return None,
            Identity::Expired => {
                let mut claims = issuer.claims(subject, handle);
                for name in ["iat", "auth_time", "exp"] {
                    claims[name] = json!(claims[name].as_i64().unwrap() - 2 * 60 * 60);
                }
                issuer.sign(&issuer.header(), &claims).unwrap()
            }
            Identity::OtherPool => {
                let (key, clock) = (OTHER_POOLS_KEY.clone(), self.world.clock.clock());
                let other = Issuer::new("http://another-pool.test", key, clock, Random::system());
                other.access_token(subject, handle).unwrap()
            }
            Identity::IdToken => {
                let user = PoolUser {
                    sub: subject.clone(),
                    preferred_username: Some(handle.clone()),
                    name: self.alice.user.display_name.clone(),
                };
                issuer.id_token(&user, &issuer.begin_session(subject), None).unwrap()
            }
        };
        Some(format!("Bearer {token}"))
    }

    /// Records a sent message.
    pub(super) fn record(&mut self, message: Option<SentMessage>, wanted: &Wanted) {
        let Some(message) = message else { return };
        if let Wanted::ToGroup { key: Some(key), .. } = wanted {
            self.keys.push((message.sender.clone(), key));
        }
        self.messages.push(message);
        self.world.clock.advance(TimeDelta::seconds(1));
    }
}

fn sent_message(sent: &serde_json::Value, [sender, receiver]: [&User; 2]) -> SentMessage {
    let field = |name: &str| sent[name].as_str().unwrap().to_owned();
    SentMessage {
        group: field("message_group_uuid").parse().unwrap(),
        pair: [sender.clone(), receiver.clone()],
        sender: sender.clone(),
        uuid: field("uuid"),
        created_at: field("created_at"),
        text: field("message"),
    }
}
