//! A run: everything that one seed decides, from start to verdict.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use checker::{history, invariants};
use cruddur::{config::SendLimitConfig, dynamodb::CallLimits, user::User};
use dynamodb_fake::{Counts, Dice, Emulator, Fault, FaultKind, Faults, Journal};
use dynoxide::Database;
use serde_json::Value;
use tokio::{
    runtime::Builder,
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

use crate::{
    commits::{Commits, Trace},
    key_set::{self, Pool},
    lambda::{Lambda, TABLE},
    log,
    people::People,
    planted::Planted,
    stream::Mapping,
    users::{SignedUp, Users},
};

/// In the runs that have a limit, it is low enough that people reach it.
const SEND_LIMIT: SendLimitConfig =
    SendLimitConfig { burst: NonZeroU32::MIN.saturating_add(3), interval: NonZeroU32::MIN };

/// Result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub seed: u64,
    /// Violations; empty on success.
    pub violations: Vec<String>,
    /// Number of injected faults.
    pub faults: Counts,
    /// Hash of every event of the run.
    pub trace: Trace,
    /// Number of responses by status; 0 is no response.
    pub answers: BTreeMap<u16, u64>,
    /// Messages stored at the end.
    pub messages: u64,
    /// Transactions and single writes that changed a row.
    pub commits: u64,
    /// Duration in simulated time.
    pub time: Duration,
}

/// Runs `seeds` on `jobs` threads, optionally with a planted fault. If `stop`, no run starts after a violation.
#[must_use]
pub fn run_all(seeds: Range<u64>, jobs: usize, planted: Option<Planted>, stop: bool) -> Vec<Outcome> {
    let (next, stopped) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    let outcome = run(seed, planted);
                    stopped.fetch_or(stop && !outcome.violations.is_empty(), Ordering::Relaxed);
                    outcomes.lock().unwrap().push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort_by_key(|outcome| outcome.seed);
    outcomes
}

/// Runs `seed`, optionally with a planted fault.
#[must_use]
pub fn run(seed: u64, planted: Option<Planted>) -> Outcome {
    // The SDK takes its jitter and tokens from this generator.
    fastrand::seed(seed);
    log::start();
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(World::begin(seed, planted))
}

struct World {
    lambda: Lambda,
    mapping: Mapping,
    people: People,
    commits: Arc<Mutex<Commits>>,
    trace: Arc<Mutex<Trace>>,
    violations: Vec<String>,
}

impl World {
    async fn begin(seed: u64, planted: Option<Planted>) -> Outcome {
        let start = Instant::now();
        let dice = Dice::new(seed);
        let faults = Faults::random(&dice);
        let lag = *dice.pick(&[0, 20, 300, 3_000, 20_000]);
        let (commits, trace) = (Arc::<Mutex<Commits>>::default(), Arc::<Mutex<Trace>>::default());
        let observed = Arc::clone(&commits);
        let observe = move |changes: &[_]| observed.lock().unwrap().add(changes);
        let journal = Arc::new(Journal::new(faults.clone(), Duration::from_millis(lag), observe));
        let emulator = emulator(&faults, &journal, planted, &trace);
        let users = users(3 + dice.below(4));
        let begin = "2026-11-22T09:30:00Z".parse().unwrap();
        let lambda = Lambda {
            emulator,
            users: Users::new(users.clone(), faults.clone(), dice.clone()),
            pool: Pool::new(faults.clone(), dice.clone()),
            faults: faults.clone(),
            dice: dice.clone(),
            planted,
            begin,
            send_limit: dice.chance(0.25).then_some(SEND_LIMIT),
            since: Instant::now(),
            idle: Arc::default(),
        };
        let table = lambda.table("set-up", CallLimits::WRITE);
        schema::message_table::ensure(table.client(), TABLE).await.unwrap();

        let tokens = users.iter().map(|user| token(&user.subject, begin.timestamp())).collect();
        let people = People::new(lambda.clone(), faults.clone(), users.clone(), tokens);
        let mapping = Mapping::new(lambda.clone(), journal);
        let mut world = Self { lambda, mapping, people, commits, trace, violations: Vec::new() };

        faults.set_enabled(true);
        let delivering = tokio::spawn(world.mapping.clone().run());
        let outages = tokio::spawn(change_outages(world.lambda.clone()));
        let pause = Duration::from_millis(*dice.pick(&[5, 50, 700]));
        let devices = 2 + dice.below(5);
        let devices = (0..devices).map(|device| {
            let actions = 3 + dice.below(9);
            tokio::spawn(world.people.clone().use_device(device % users.len(), actions, pause))
        });
        for device in devices.collect::<Vec<_>>() {
            device.await.unwrap();
        }

        faults.set_enabled(false);
        outages.abort();
        world.lambda.users.set_fault(None);
        world.lambda.pool.set_fault(None);
        world.settle().await;
        delivering.abort();
        world.judge().await;

        let stored = invariants::messages(&world.rows());
        Outcome {
            seed,
            faults: faults.counts(),
            trace: *world.trace.lock().unwrap(),
            answers: world.people.answers(),
            messages: stored.values().map(|messages| messages.len() as u64).sum(),
            commits: world.commits.lock().unwrap().count,
            time: start.elapsed(),
            violations: world.violations,
        }
    }

    /// Ends all faults, then waits until late writes have landed and all records are delivered.
    async fn settle(&mut self) {
        // The latest write lands after 20 s, and the slowest function ends after 60 s.
        sleep(Duration::from_secs(90)).await;
        let rest = async {
            while !self.mapping.is_at_rest() {
                sleep(Duration::from_millis(200)).await;
            }
        };
        if timeout(Duration::from_mins(10), rest).await.is_err() {
            self.violations.push("I11: the inboxes do not catch up".to_owned());
        }
        // Wait for the index to catch up.
        sleep(Duration::from_secs(30)).await;
    }

    async fn judge(&mut self) {
        let written = self.commits.lock().unwrap().count;
        if !self.mapping.deliver_all_again().await {
            self.violations.push("I11: a redelivery failed without a fault".to_owned());
        }
        let answers = self.people.answers();
        self.people.read_everything().await;
        let has_failed = self.people.answers().iter().any(|(status, number)| {
            *status != 200 && answers.get(status).copied().unwrap_or_default() != *number
        });
        if has_failed {
            self.violations.push("a function did not recover".to_owned());
        }
        if self.commits.lock().unwrap().count != written {
            self.violations.push("a redelivery or a list wrote something".to_owned());
        }

        let rows = self.rows();
        let commits = self.commits.lock().unwrap();
        self.violations.extend_from_slice(&commits.violations);
        if commits.rows != self.lambda.emulator.rows(TABLE) {
            self.violations.push("the table is not what was committed".to_owned());
        }
        drop(commits);
        self.violations.extend(invariants::check_at_rest(&rows));
        self.violations.extend(self.people.violations());
        self.violations.extend(history::check(&self.people.history(), &invariants::messages(&rows)));
        self.violations.extend(log::unexplained_errors());
    }

    fn rows(&self) -> Vec<Value> {
        self.commits.lock().unwrap().rows.values().cloned().collect()
    }
}

/// DynamoDB with random faults and latencies, and a planted fault if any.
fn emulator(
    faults: &Faults,
    journal: &Arc<Journal>,
    planted: Option<Planted>,
    trace: &Arc<Mutex<Trace>>,
) -> Emulator {
    let emulator = Emulator::over(Database::memory().unwrap()).with_journal(Arc::clone(journal));
    let (begin, dice, trace) = (Instant::now(), faults.dice().clone(), Arc::clone(trace));
    emulator.edit_requests(move |call| {
        trace.lock().unwrap().add(call, begin);
        if let Some(planted) = planted {
            planted.edit_request(call, &dice);
        }
    });
    let dice = faults.dice().clone();
    emulator.set_latencies(move || [(); 2].map(|()| dice.duration(Duration::ZERO, Duration::from_millis(9))));
    let faults = faults.clone();
    emulator.inject(move |call| {
        let Some((kind, fault)) = faults.inject_call(&call.operation) else { return Fault::None };
        planted.map_or(fault, |planted| planted.edit_fault(call, kind, fault))
    });
    if let Some(planted) = planted {
        let journal = Arc::clone(journal);
        emulator.edit_answers(move |call, answer| planted.edit_answer(call, answer, &journal));
    }
    emulator
}

/// Makes the database and the key set fail and recover.
async fn change_outages(Lambda { users, pool, faults, dice, .. }: Lambda) {
    const POSTGRES: [FaultKind; 5] = [
        FaultKind::PostgresDown,
        FaultKind::PostgresSlow,
        FaultKind::PostgresSilent,
        FaultKind::PostgresReset,
        FaultKind::PostgresShutDown,
    ];
    const KEY_SET: [FaultKind; 3] = [FaultKind::KeySetDown, FaultKind::KeySetSlow, FaultKind::KeySetGarbage];
    loop {
        users.set_fault(faults.draw(&POSTGRES));
        pool.set_fault(faults.draw(&KEY_SET));
        sleep(dice.duration(Duration::from_millis(20), Duration::from_secs(3))).await;
    }
}

fn users(number: usize) -> Vec<SignedUp> {
    let user = |number: usize| {
        let uuid = Uuid::from_u128(0x0195_b5a0_0000_7000_8000_0000_0000_0000 + number as u128);
        let user =
            User { uuid, handle: format!("user-{number}"), display_name: format!("User No. {number}") };
        SignedUp { user, subject: format!("subject-{number}") }
    };
    (0..number).map(user).collect()
}

/// Caches tokens per user and process: signing is the slowest step.
fn token(subject: &str, now: i64) -> String {
    static TOKENS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let mut tokens = TOKENS.lock().unwrap();
    tokens.entry(subject.to_owned()).or_insert_with(|| key_set::token(subject, now)).clone()
}
