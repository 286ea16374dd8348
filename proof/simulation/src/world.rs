//! A run: everything that one seed decides, from its beginning to the judgement.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use checker::{history, invariants};
use cruddur::{config::SendLimitConfig, dynamodb::CallLimits, user::User};
use tokio::{
    runtime::Builder,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::{
    dice::Dice,
    fate::faults_of,
    fault::{Counts, Fault},
    key_set::{self, Pool},
    lambda::{Lambda, TABLE},
    log,
    network::{Network, Trace},
    people::People,
    planted::Planted,
    stream::Mapping,
    table::Table,
    users::{Health, SignedUp, Users},
};

/// What goes wrong, and how often it did. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    counts: Counts,
    probabilities: [f64; Fault::ALL.len()],
    off: bool,
}

impl Faults {
    /// Faults with these probabilities, off.
    fn new(dice: &Dice) -> Self {
        // Not everything goes wrong in every run: a storm of one kind hides what another one finds.
        let calm = dice.chance(0.05);
        let probability = |fault: Fault| {
            let most = match fault {
                Fault::ShortPage => 1.0,
                Fault::CommitWithinPage | Fault::Reordered | Fault::Redelivery => 0.5,
                Fault::ConflictHidesRows
                | Fault::IndexGoesBack
                | Fault::KilledSending
                | Fault::KilledMoving
                | Fault::KilledListing => 0.3,
                Fault::SilenceBefore | Fault::SilenceAfter | Fault::LateAfterSilence => 0.04,
                Fault::TransactionConflict | Fault::WriteConflict => 0.15,
                Fault::PostgresSlow | Fault::KeySetDown | Fault::KeySetSlow | Fault::KeySetGarbage => 0.4,
                _ => 0.08,
            };
            if calm || dice.chance(0.5) { 0.0 } else { most * dice.share() }
        };
        let probabilities = Fault::ALL.map(probability);
        Self(Arc::new(Mutex::new(State { counts: Counts::default(), probabilities, off: true })))
    }

    /// Faults that are all as likely: a call to DynamoDB meets one with about this probability, and so does any other chance
    /// of one. Off.
    #[must_use]
    pub fn with_rate(rate: f64) -> Self {
        let of_calls = faults_of("Query");
        let share = rate / f64::from(u32::try_from(of_calls.len()).unwrap());
        let of_some_calls = faults_of("TransactWriteItems").into_iter().chain(faults_of("PutItem"));
        let of_calls = of_calls.into_iter().chain(of_some_calls).collect::<Vec<_>>();
        let probabilities = Fault::ALL.map(|fault| if of_calls.contains(&fault) { share } else { rate });
        Self(Arc::new(Mutex::new(State { counts: Counts::default(), probabilities, off: true })))
    }

    /// Whether nothing goes wrong from now on.
    pub fn set_off(&self, off: bool) {
        self.0.lock().unwrap().off = off;
    }

    /// Whether nothing goes wrong any more.
    #[must_use]
    pub fn are_off(&self) -> bool {
        self.0.lock().unwrap().off
    }

    /// One of `candidates`, or none.
    #[must_use]
    pub fn roll(&self, dice: &Dice, candidates: &[Fault]) -> Option<Fault> {
        let state = self.0.lock().unwrap();
        if state.off {
            return None;
        }
        candidates.iter().copied().find(|fault| dice.chance(state.probabilities[*fault as usize]))
    }

    /// [`Self::roll`], counted.
    #[must_use]
    pub fn strike(&self, dice: &Dice, candidates: &[Fault]) -> Option<Fault> {
        let fault = self.roll(dice, candidates);
        fault.inspect(|fault| self.count(*fault))
    }

    /// It came to pass.
    pub fn count(&self, fault: Fault) {
        self.0.lock().unwrap().counts.add(fault);
    }

    /// How often each came to pass.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.lock().unwrap().counts.clone()
    }
}

/// In the runs that have one: seldom enough for people to meet it.
const SEND_LIMIT: SendLimitConfig =
    SendLimitConfig { burst: NonZeroU32::MIN.saturating_add(3), interval: NonZeroU32::MIN };

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What must not be; nothing, if all is well.
    pub violations: Vec<String>,
    /// What went wrong.
    pub faults: Counts,
    /// Everything that happened, as one number.
    pub trace: Trace,
    /// The clients' answers by their statuses; 0: none.
    pub answers: BTreeMap<u16, u64>,
    /// Messages that are stored in the end.
    pub messages: usize,
    /// Transactions and single writes that changed something.
    pub commits: u64,
    /// How long it took in simulated time.
    pub time: Duration,
}

/// Carries out the run of `seed`, with a fault planted or none.
#[must_use]
pub fn run(seed: u64, planted: Option<Planted>) -> Outcome {
    // The SDK draws its jitter and its tokens from here.
    fastrand::seed(seed);
    log::clear();
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(World::begin(seed, planted))
}

struct World {
    lambda: Lambda,
    mapping: Mapping,
    people: People<Lambda>,
    faults: Faults,
    violations: Vec<String>,
}

impl World {
    async fn begin(seed: u64, planted: Option<Planted>) -> Outcome {
        let start = tokio::time::Instant::now();
        let dice = Dice::new(seed);
        let faults = Faults::new(&dice);
        let lag = *dice.pick(&[0, 20, 300, 3_000, 20_000]);
        let network = Network::new(faults.clone(), dice.clone(), Duration::from_millis(lag), planted);
        let everybody = users(3 + dice.below(4));
        let users = Users::new(everybody.clone(), faults.clone(), dice.clone());
        let pool = Pool::new(faults.clone(), dice.clone());
        let begin = "2026-11-22T09:30:00Z".parse().unwrap();
        let lambda =
            Lambda::new(network, users.clone(), pool.clone(), faults.clone(), dice.clone(), planted, begin)
                .with_send_limit(dice.chance(0.25).then_some(SEND_LIMIT));
        let table = lambda.table("set-up", CallLimits::WRITE);
        schema::message_table::ensure(table.client(), TABLE).await.unwrap();

        let tokens = everybody.iter().map(|user| token(&user.subject, begin.timestamp())).collect();
        let people = People::new(lambda.clone(), faults.clone(), dice.clone(), everybody.clone(), tokens);
        let mapping = Mapping::new(lambda.clone());
        let mut world = Self { lambda, mapping, people, faults, violations: Vec::new() };

        world.faults.set_off(false);
        let delivering = tokio::spawn(world.mapping.clone().run());
        let weather = tokio::spawn(weather(users.clone(), pool.clone(), world.faults.clone(), dice.clone()));
        let pause = Duration::from_millis(*dice.pick(&[5, 50, 700]));
        let devices = 2 + dice.below(5);
        let devices = (0..devices).map(|device| {
            let things = 3 + dice.below(9);
            tokio::spawn(world.people.clone().use_device(device % everybody.len(), things, pause))
        });
        for device in devices.collect::<Vec<_>>() {
            device.await.unwrap();
        }

        world.faults.set_off(true);
        weather.abort();
        users.set(Health::Up);
        pool.set(Health::Up);
        world.settle().await;
        delivering.abort();
        world.judge().await;

        let stored = invariants::messages(&world.lambda.network.table(Table::rows));
        Outcome {
            seed,
            faults: world.faults.counts(),
            trace: world.lambda.network.trace(),
            answers: world.people.answers(),
            messages: stored.values().map(Vec::len).sum(),
            commits: world.lambda.network.table(Table::commits),
            time: start.elapsed(),
            violations: world.violations,
        }
    }

    /// Nothing goes wrong any more: what was late lands, and what waits is delivered.
    async fn settle(&mut self) {
        // The latest request lands after 20 s, and the slowest function ends after 60.
        sleep(Duration::from_secs(90)).await;
        let rest = async {
            while !self.mapping.is_at_rest() {
                sleep(Duration::from_millis(200)).await;
            }
        };
        if timeout(Duration::from_mins(10), rest).await.is_err() {
            self.violations.push("I11: the inboxes do not catch up".to_owned());
        }
        // The index catches up, too.
        sleep(Duration::from_secs(30)).await;
    }

    async fn judge(&mut self) {
        let commits = |world: &Self| world.lambda.network.table(Table::commits);
        let written = commits(self);
        if !self.mapping.deliver_all_again().await {
            self.violations.push("I11: a redelivery failed, with all well".to_owned());
        }
        let answers = self.people.answers();
        self.people.look_at_everything().await;
        let unwell = self.people.answers().iter().any(|(status, number)| {
            *status != 200 && answers.get(status).copied().unwrap_or_default() != *number
        });
        if unwell {
            self.violations.push("a function did not recover".to_owned());
        }
        if commits(self) != written {
            self.violations.push("a redelivery or a list wrote something".to_owned());
        }

        let rows = self.lambda.network.table(Table::rows);
        self.lambda.network.table(|table| {
            self.violations.extend_from_slice(table.broken());
            if !table.agrees_with_database() {
                self.violations.push("the table is not what was committed".to_owned());
            }
        });
        self.violations.extend(invariants::check_at_rest(&rows));
        self.violations.extend(self.people.violations());
        let findings = history::check(&self.people.history(), &invariants::messages(&rows));
        self.violations.extend(findings.iter().map(ToString::to_string));
        self.violations.extend(log::errors_of_ours());
    }
}

/// Database and key set fail and recover.
async fn weather(users: Users, pool: Pool, faults: Faults, dice: Dice) {
    const POSTGRES: [Fault; 5] = [
        Fault::PostgresDown,
        Fault::PostgresSlow,
        Fault::PostgresSilent,
        Fault::PostgresReset,
        Fault::PostgresShutDown,
    ];
    const KEY_SET: [Fault; 3] = [Fault::KeySetDown, Fault::KeySetSlow, Fault::KeySetGarbage];
    let health = |candidates| faults.roll(&dice, candidates).map_or(Health::Up, Health::Fails);
    loop {
        users.set(health(&POSTGRES));
        pool.set(health(&KEY_SET));
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

/// Signing takes longer than anything else: once for each user and process.
fn token(subject: &str, now: i64) -> String {
    static TOKENS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let mut tokens = TOKENS.lock().unwrap();
    tokens.entry(subject.to_owned()).or_insert_with(|| key_set::token(subject, now)).clone()
}
