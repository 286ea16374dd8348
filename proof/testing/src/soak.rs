//! A million messages over HTTP through the local stack while DynamoDB fails. People write, read and retry.
//! At the end, the table and the responses are checked.

mod http_api;

use std::{
    collections::{BTreeSet, HashMap},
    future::ready,
    io,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use checker::{
    history::{self, History},
    invariants::Contents,
};
use cruddur::{
    postgres::{DatabaseServer, Postgres},
    user::User,
};
use dynamodb_fake::{Dice, Emulator, Fault, Faults, HttpServer, Journal, dispatch, scan};
use dynoxide::Database;
use local::{
    options::{DynamoDbUrls, Engines, Options},
    stack::Stack,
};
use seed::load;
use serde_json::{Value, json};
use simulation::{people::People, users::SignedUp};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

pub use dynamodb_fake::Counts;

use self::http_api::HttpApi;
use crate::conversation::{Client, expect::ok};

/// Size of a run and its fault rate.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Number of acknowledgements to reach.
    pub messages: u64,
    /// Share of calls to DynamoDB that fail.
    pub faults: f64,
    /// Number of users, who all write to each other.
    pub users: u32,
    /// Devices per user; each does one thing at a time.
    pub devices: u32,
    /// Seed for people's actions and failing calls. Timing depends on the machine.
    pub seed: u64,
}

/// Result of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Violations; empty on success.
    pub violations: Vec<String>,
    /// Number of injected faults.
    pub faults: Counts,
    /// Named numbers to print.
    pub figures: Vec<(String, u64)>,
}

/// Together with people's other actions, this makes nine of ten requests sends.
const TALKATIVE: f64 = 0.75;

/// Interval of progress lines.
const PROGRESS: Duration = Duration::from_secs(20);

/// A token is valid for an hour.
const TOKENS_RENEWED_AFTER: Duration = Duration::from_mins(20);

/// Maximum lag of the index.
const INDEX_LAG: Duration = Duration::from_millis(300);

/// Late writes land after 20 s at most.
const LATEST: Duration = Duration::from_secs(25);

/// Time limit for the inboxes to catch up.
const REST_LIMIT: Duration = Duration::from_hours(1);

/// Runs `plan` on a separate stack, and passes progress lines to `progress`.
pub async fn run(plan: Plan, progress: impl Fn(&str)) -> Result<Report> {
    let dice = Dice::new(plan.seed);
    let faults = Faults::with_rate(plan.faults, &dice);
    let database = Database::memory()?;
    let calls = Arc::<AtomicU64>::default();
    let server = serve(&database, &faults, &calls).await?;
    let url = format!("http://{}", server.address());
    let engines = Engines {
        dynamodb: Some(DynamoDbUrls { tables: url.clone(), streams: url }),
        ..Engines::from_lookup(|_| None)?
    };
    let stack = Stack::start(&Options::ephemeral(), &engines, &progress).await?;
    let table = engines.table.name.as_str();
    let users = sign_up(&stack, plan.users).await?;
    let client = Client::new();
    let tokens = tokens(&client, stack.url(), &users).await?;
    let api = HttpApi::new(client.clone(), stack.url());
    let people = People::new(api, faults.clone(), dice, users.clone(), tokens).talkative(TALKATIVE);

    let begin = Instant::now();
    faults.set_off(false);
    let devices = (0..plan.users * plan.devices).map(|device| {
        let me = usize::try_from(device % plan.users).unwrap();
        let people = people.clone();
        tokio::spawn(async move {
            while people.acknowledgements() < plan.messages {
                people.clone().use_device(me, 10, Duration::ZERO).await;
            }
        })
    });
    let devices = devices.collect::<Vec<_>>();
    let mut renewed = Instant::now();
    let mut said = Instant::now();
    while devices.iter().any(|device| !device.is_finished()) {
        sleep(Duration::from_millis(500)).await;
        if renewed.elapsed() > TOKENS_RENEWED_AFTER {
            people.renew_tokens(self::tokens(&client, stack.url(), &users).await?);
            renewed = Instant::now();
        }
        if said.elapsed() > PROGRESS {
            let acknowledged = people.acknowledgements();
            progress(&format!("{acknowledged} messages, {} faults", faults.counts().sum()));
            said = Instant::now();
        }
    }
    for device in devices {
        device.await.context("a device broke")?;
    }
    let sending = begin.elapsed();

    faults.set_off(true);
    progress("no more faults; waiting for what is late, and for the inboxes");
    sleep(LATEST).await;
    let mut violations = Vec::new();
    let rest = Instant::now();
    if timeout(REST_LIMIT, until_at_rest(&database, table, &users, &people.history(), &progress))
        .await
        .is_err()
    {
        violations.push("I11: the inboxes do not catch up".to_owned());
    }
    let catching_up = rest.elapsed();
    people.renew_tokens(self::tokens(&client, stack.url(), &users).await?);
    people.look_at_everything().await;

    progress("judging");
    let mut contents = Contents::default();
    let mut rows = 0;
    scan(&database, table, |row| {
        contents.read(row);
        rows += 1;
    });
    violations.extend(contents.check_at_rest());
    violations.extend(people.violations());
    let history = people.history();
    // Exclude the conversations that a stack starts with.
    let groups = groups(&history);
    let mut stored = contents.into_messages();
    stored.retain(|group, rows| {
        groups.contains(group)
            || rows.iter().any(|row| users.iter().any(|user| user.user.uuid == row.sender_uuid))
    });
    violations.extend(history::check(&history, &stored).iter().map(ToString::to_string));

    let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let mut figures = vec![
        ("messages stored".to_owned(), number(stored.values().map(Vec::len).sum())),
        ("groups".to_owned(), number(stored.len())),
        ("rows of the table".to_owned(), rows),
        ("requests to send".to_owned(), number(history.sends.len())),
        ("acknowledgements".to_owned(), people.acknowledgements()),
        ("pages of messages that were judged".to_owned(), number(history.messages.len())),
        ("pages of groups that were judged".to_owned(), number(history.groups.len())),
        ("calls to DynamoDB".to_owned(), calls.load(Ordering::Relaxed)),
        ("seconds of sending".to_owned(), sending.as_secs()),
        ("seconds until the inboxes had caught up".to_owned(), catching_up.as_secs()),
    ];
    figures.extend(people.answers().into_iter().map(|(status, answers)| match status {
        0 => ("requests without an answer".to_owned(), answers),
        _ => (format!("answers {status}"), answers),
    }));
    stack.stop().await?;
    Ok(Report { violations, faults: faults.counts(), figures })
}

/// Serves `database` with random faults, and counts the calls.
async fn serve(database: &Database, faults: &Faults, calls: &Arc<AtomicU64>) -> io::Result<HttpServer> {
    let journal = Journal::new(faults.clone(), INDEX_LAG, |_| ());
    let emulator = Emulator::over(database.clone()).with_journal(Arc::new(journal));
    let (faults, calls) = (faults.clone(), Arc::clone(calls));
    emulator.inject(move |call| {
        calls.fetch_add(1, Ordering::Relaxed);
        faults.inject_call(&call.operation).map_or(Fault::None, |(_, fault)| fault)
    });
    HttpServer::start(|stream| ready(Ok(stream)), move |request| emulator.clone().serve(request)).await
}

/// The users of a load, as listed by the stack, with the subjects of their tokens.
async fn sign_up(stack: &Stack, number: u32) -> Result<Vec<SignedUp>> {
    let server: DatabaseServer =
        stack.database_url().context("the stack has no database of its own")?.parse()?;
    let postgres = Postgres::new(server);
    let numbers = load::Numbers { users: NonZeroU32::new(number), ..load::Numbers::default() };
    load::ensure_users(&postgres, load::Plan::new(numbers)?, |_| ()).await?;
    let listed = ok("the users", &Client::new().get(&format!("{}/local/users", stack.url())).await?)?;
    let user = |user: &Value| {
        let field = |name: &str| user[name].as_str().unwrap_or_default().to_owned();
        let (uuid, handle, display_name) = (field("uuid").parse()?, field("handle"), field("display_name"));
        anyhow::Ok(SignedUp { user: User { uuid, handle, display_name }, subject: String::new() })
    };
    let users = listed.as_array().context("a list of users")?.iter().map(user);
    let users = users.collect::<Result<Vec<_>>>()?;
    let users = users.into_iter().filter(|user| user.user.handle.starts_with("load-")).collect::<Vec<_>>();
    if users.len() != usize::try_from(number)? {
        bail!("{} users of {number} are there", users.len());
    }
    Ok(users)
}

async fn tokens(client: &Client, url: &str, users: &[SignedUp]) -> Result<Vec<String>> {
    let mut tokens = Vec::new();
    for user in users {
        let body = json!({"handle": user.user.handle});
        let answer = ok("a token", &client.post(&format!("{url}/local/token"), &body).await?)?;
        tokens.push(answer["access_token"].as_str().context("no token")?.to_owned());
    }
    Ok(tokens)
}

/// Groups with at least one send.
fn groups(history: &History) -> BTreeSet<Uuid> {
    history.sends.iter().map(|send| send.group).collect()
}

/// Waits until every inbox row is at its group's newest message.
async fn until_at_rest(
    database: &Database,
    table: &str,
    users: &[SignedUp],
    history: &History,
    progress: impl Fn(&str),
) {
    let groups = groups(history);
    let query = |pk: String, newest: bool| {
        let mut request = json!({
            "TableName": table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": pk}},
            "ScanIndexForward": false,
        });
        if newest {
            request["Limit"] = json!(1);
        }
        dispatch(database, "Query", request).unwrap()["Items"].take()
    };
    let mut said = Instant::now();
    loop {
        let newest = groups.iter().filter_map(|group| {
            let rows = query(format!("MSG#{group}"), true);
            Some((group.to_string(), rows[0]["sk"]["S"].as_str()?.to_owned()))
        });
        let newest = newest.collect::<HashMap<_, _>>();
        let behind = users.iter().map(|user| {
            let rows = query(format!("GRP#{}", user.user.uuid), false);
            let is_behind = |row: &&Value| {
                let text = |name: &str| row[name]["S"].as_str().unwrap_or_default();
                newest.get(text("message_group_uuid")).is_none_or(|newest| newest != text("sk"))
            };
            rows.as_array().map_or(0, |rows| rows.iter().filter(is_behind).count())
        });
        let behind = behind.sum::<usize>();
        if behind == 0 {
            return;
        }
        if said.elapsed() > PROGRESS {
            progress(&format!("{behind} inbox rows are behind"));
            said = Instant::now();
        }
        sleep(Duration::from_millis(500)).await;
    }
}
