//! A run: everything that one seed decides, from start to verdict.

use std::{
    collections::{BTreeMap, BTreeSet},
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
use chrono::TimeDelta;
use cruddur::{
    config::{EditWindow, SendLimitConfig},
    dynamodb::CallLimits,
    erasure::Pass,
    table::{LoggedChange, RowKind},
    user::{User, settings::MessagesFrom},
};
use dynamodb_fake::{Counts, Dice, Emulator, Fault, FaultKind, Faults, Journal, Key, text};
use dynoxide::Database;
use serde_json::Value;
use tokio::{
    runtime::Builder,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

use crate::{
    changes::{Change, Setting},
    commits::{Commits, Trace},
    devices::{Device, Surroundings},
    key_set::{self, Pool},
    lambda::{Lambda, TABLE},
    log,
    people::People,
    planted::Planted,
    stream::Mapping,
    users::{SignedUp, Users},
    versions::Changes,
    websocket::WebSocketApi,
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
    /// Frames sent to sockets.
    pub frames: u64,
    /// Log rows that devices were given by a frame, and by reading the log.
    pub given: [u64; 2],
    /// Cursors that had expired.
    pub expired: u64,
    /// Writes to markers and messages.
    pub changes: Changes,
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
    devices: Vec<Device>,
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
        let users = users(3 + dice.below(4), &dice);
        let begin = "2026-11-22T09:30:00Z".parse().unwrap();
        let sockets = WebSocketApi::new(faults.clone(), Arc::clone(&commits), Arc::clone(&trace), begin);
        let database = Users::new(users.clone(), faults.clone(), dice.clone());
        commits.lock().unwrap().versions.users = Some(database.clone());
        let lambda = Lambda {
            emulator,
            users: database,
            pool: Pool::new(faults.clone(), dice.clone()),
            sockets,
            faults: faults.clone(),
            dice: dice.clone(),
            planted,
            begin,
            send_limit: dice.chance(0.25).then_some(SEND_LIMIT),
            edit_window: EditWindow(TimeDelta::seconds(*dice.pick(&[0, 2, 60, 900, 900, 86_400, 86_400]))),
            since: Instant::now(),
            idle: Arc::default(),
            is_quiet: Arc::default(),
            violations: Arc::default(),
        };
        let table = lambda.table("set-up", CallLimits::WRITE);
        schema::message_table::ensure(table.client(), TABLE).await.unwrap();

        // For the whole run, at every clock's time.
        let end = begin + Duration::from_hours(5 * 24);
        let tokens = users.iter().map(|user| key_set::token(&user.subject, end.timestamp())).collect();
        let people = People::new(lambda.clone(), faults.clone(), users.clone(), tokens, Arc::clone(&commits));
        let mapping = Mapping::new(lambda.clone(), journal);
        let (devices, violations) = (Vec::new(), Vec::new());
        let mut world = Self { lambda, mapping, people, devices, commits, trace, violations };

        faults.set_enabled(true);
        let delivering = tokio::spawn(world.mapping.clone().run());
        let outages = tokio::spawn(change_outages(world.lambda.clone()));
        let cuts = tokio::spawn(world.lambda.sockets.clone().cut_sockets());
        let pause = Duration::from_millis(*dice.pick(&[5, 50, 700]));
        let (stop, following) = world.follow(pause);
        let devices = 2 + dice.below(5);
        // Some users have several devices, others have none.
        let active = 2 + dice.below(users.len() - 1);
        let devices = (0..devices).map(|device| {
            let actions = 5 + dice.below(14);
            tokio::spawn(world.people.clone().use_device(device % active, actions, pause))
        });
        for device in devices.collect::<Vec<_>>() {
            device.await.unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        for device in following {
            world.devices.push(device.await.unwrap());
        }

        faults.set_enabled(false);
        outages.abort();
        cuts.abort();
        world.lambda.users.set_fault(None);
        world.lambda.pool.set_fault(None);
        world.lambda.sockets.set_fault(None);
        world.settle().await;
        world.people.end_all_blocks().await;
        // The inbox rows then show that the blocks have ended.
        world.rest().await;
        world.people.accept_all_requests().await;
        world.people.show_all_hidden().await;
        world.rest().await;
        if !world.has_no_logs() {
            world.follow_without_faults().await;
        }
        delivering.abort();
        world.judge().await;
        if dice.chance(0.3) && !world.has_no_logs() {
            world.erase_one().await;
        }

        let stored = invariants::messages(&world.rows());
        let changes = world.commits.lock().unwrap().versions.counts;
        Outcome {
            seed,
            changes,
            faults: faults.counts(),
            trace: *world.trace.lock().unwrap(),
            answers: world.people.answers(),
            messages: stored.values().map(|messages| messages.len() as u64).sum(),
            commits: world.commits.lock().unwrap().count,
            frames: world.lambda.sockets.counts().sent,
            given: [
                world.devices.iter().map(|device| device.counts().by_frame).sum(),
                world.devices.iter().map(|device| device.counts().by_reading).sum(),
            ],
            expired: world.devices.iter().map(|device| device.counts().expired).sum(),
            time: start.elapsed(),
            violations: world.violations,
        }
    }

    /// Starts devices that follow events until the flag is set.
    fn follow(&self, pause: Duration) -> (Arc<AtomicBool>, Vec<JoinHandle<Device>>) {
        let dice = &self.lambda.dice;
        let stop = Arc::<AtomicBool>::default();
        let number = if self.has_no_logs() { 0 } else { 1 + dice.below(4) };
        let devices = (0..number).map(|number| {
            let surroundings = Surroundings {
                lambda: self.lambda.clone(),
                people: self.people.clone(),
                commits: Arc::clone(&self.commits),
            };
            let device = Device::new(surroundings, dice.below(self.people.count()), number);
            tokio::spawn(device.follow(10 + dice.below(30), pause, Arc::clone(&stop)))
        });
        let devices = devices.collect();
        (stop, devices)
    }

    /// True if the old system's stream handler runs, which has no event logs.
    fn has_no_logs(&self) -> bool {
        self.lambda.planted == Some(Planted::OldAlgorithm)
    }

    /// Ends all faults, then waits until late writes have landed and all records are delivered.
    async fn settle(&mut self) {
        // The latest write lands after 20 s, and the slowest function ends after 60 s.
        sleep(Duration::from_secs(90)).await;
        self.rest().await;
        // Wait for the index to catch up.
        sleep(Duration::from_secs(30)).await;
    }

    async fn rest(&mut self) {
        let rest = async {
            while !self.mapping.is_at_rest() {
                sleep(Duration::from_millis(200)).await;
            }
        };
        if timeout(Duration::from_mins(10), rest).await.is_err() {
            self.violations.push("I11: the inboxes do not catch up".to_owned());
        }
    }

    /// Sends messages without faults, which devices receive by frames alone, and then with failing pushes, which fail
    /// nothing else (I16).
    async fn follow_without_faults(&mut self) {
        const FAULTS: [FaultKind; 5] = [
            FaultKind::PushDown,
            FaultKind::PushSilent,
            FaultKind::PushSlow,
            FaultKind::PushErrorBefore,
            FaultKind::PushThrottled,
        ];
        self.lambda.is_quiet.store(true, Ordering::Relaxed);
        for device in &mut self.devices {
            device.settle().await;
        }
        self.people.write_some(3).await;
        self.rest().await;
        sleep(Duration::from_secs(1)).await;
        self.people.change_some(3).await;
        self.rest().await;
        sleep(Duration::from_secs(1)).await;
        for device in &mut self.devices {
            device.check_frames().await;
        }
        self.mark_without_faults().await;
        self.hide_and_clear_without_faults().await;
        self.lambda.sockets.set_fault(Some(*self.lambda.dice.pick(&FAULTS)));
        self.people.write_some(3).await;
        self.rest().await;
        self.lambda.sockets.set_fault(None);
    }

    /// Marks a group as read and unread without faults. The other member's answers and frames stay the same unless both
    /// have receipts on (I20).
    async fn mark_without_faults(&mut self) {
        let me = self.lambda.dice.below(self.people.count());
        let Some((group, [a, b])) = self.people.a_group_of(me) else { return };
        let other = if a == me { b } else { a };
        let [my_uuid, other_uuid] = [me, other].map(|user| self.people.user(user).user.uuid);
        let are_told = self.lambda.users.have_receipts(my_uuid, other_uuid);
        let before = self.people.answers_about(other, group).await;
        let frames = self.lambda.sockets.frames_to(other_uuid);
        for step in 0..3 {
            let Some(expected) = self.people.mark_without_faults(me, group, step).await else { return };
            self.rest().await;
            self.people.check_unread(me, group, expected).await;
        }
        sleep(Duration::from_secs(1)).await;
        let after = self.people.answers_about(other, group).await;
        if !are_told && (before != after || frames != self.lambda.sockets.frames_to(other_uuid)) {
            self.violations.push(format!("I20: markers of user {me} show in {before:?} and {after:?}"));
        }
    }

    /// Clears and hides a group without faults, which shows in no answer to the other member.
    async fn hide_and_clear_without_faults(&mut self) {
        let me = self.lambda.dice.below(self.people.count());
        let Some((group, [a, b])) = self.people.a_group_of(me) else { return };
        let other = if a == me { b } else { a };
        let before = self.people.answers_about(other, group).await;
        for setting in [Setting::Clear, Setting::Hide(true)] {
            self.people.change(me, group, Change::Set(setting)).await;
        }
        self.rest().await;
        if before != self.people.answers_about(other, group).await {
            self.violations.push(format!("I25: settings of user {me} show for user {other}"));
        }
        for step in 0..3 {
            self.people.check_settings(me, group, other, step).await;
            self.rest().await;
            if step == 1 {
                for setting in [Setting::Clear, Setting::Hide(false)] {
                    self.people.change(me, group, Change::Set(setting)).await;
                }
                self.rest().await;
            }
        }
    }

    async fn judge(&mut self) {
        let written = self.rows_without_logs();
        if !self.mapping.deliver_all_again().await {
            self.violations.push("I11: a redelivery failed without a fault".to_owned());
        }
        let answers = self.people.answers();
        self.people.read_everything().await;
        for device in &mut self.devices {
            device.finish().await;
        }
        let has_failed = self.people.answers().iter().any(|(status, number)| {
            !matches!(status, 200 | 204) && answers.get(status).copied().unwrap_or_default() != *number
        });
        if has_failed {
            self.violations.push("a function did not recover".to_owned());
        }
        // Changes that the newest rows of a log do not hold are logged again.
        if self.rows_without_logs() != written {
            self.violations.push("a redelivery or a list wrote something".to_owned());
        }

        let rows = self.rows();
        let commits = self.commits.lock().unwrap();
        self.violations.extend_from_slice(&commits.violations);
        self.violations.extend_from_slice(&commits.versions.violations);
        for deleted in commits.versions.deleted_texts() {
            let quoted = Value::from(deleted).to_string();
            let kept = rows.iter().filter(|row| row.to_string().contains(&quoted));
            self.violations.extend(kept.map(|row| format!("I19: the deleted text is in {row}")));
        }
        if !self.has_no_logs() {
            for number in 0..self.people.count() {
                let owner = self.people.user(number).user.uuid;
                let logged = commits.logged_changes(owner);
                let is_logged = |state: &(Uuid, Uuid, u64)| {
                    logged.iter().any(|change| {
                        matches!(change,
                        LoggedChange::Read { group_uuid, user_uuid, version, .. }
                        | LoggedChange::Group { group_uuid, user_uuid, version }
                            if (*group_uuid, *user_uuid, *version) == *state)
                    })
                };
                let missing =
                    commits.versions.logged_states(owner).into_iter().filter(|state| !is_logged(state));
                self.violations
                    .extend(missing.map(|state| format!("I12: not in the log of {owner}: {state:?}")));
            }
        }
        if commits.rows != self.lambda.emulator.rows(TABLE) {
            self.violations.push("the table is not what was committed".to_owned());
        }
        let sent = commits.versions.sent();
        drop(commits);
        self.violations.extend(self.people.check_changes());
        self.violations.extend(if self.has_no_logs() {
            invariants::check_at_rest(&rows)
        } else {
            invariants::check_logged(&rows)
        });
        self.violations.extend_from_slice(&self.lambda.violations.lock().unwrap());
        self.violations.extend(self.lambda.sockets.violations());
        self.violations.extend(self.devices.iter().flat_map(Device::violations).cloned());
        self.violations.extend(self.people.violations());
        self.violations.extend(history::check(&self.people.history(), &sent));
        self.violations.extend(log::unexplained_errors());
    }

    /// Erases a user while requests run and calls fail, and checks what is left (I24).
    async fn erase_one(&mut self) {
        let (dice, users) = (self.lambda.dice.clone(), self.lambda.users.clone());
        let me = dice.below(self.people.count());
        let user = self.people.user(me).user.clone();
        let (handle, display_name) = ("deleted-0123456789".to_owned(), "Deleted user".to_owned());
        let deleted = User { uuid: user.uuid, handle, display_name };
        let of_others = |rows: &[Value]| {
            let others = invariants::messages(rows).into_values().flatten();
            let others = others.filter(|message| message.sender_uuid != user.uuid);
            others.map(|message| (message.pk, message.sk, message.sender_handle)).collect::<BTreeSet<_>>()
        };
        let before = of_others(&self.rows());

        self.lambda.faults.set_enabled(true);
        let delivering = tokio::spawn(self.mapping.clone().run());
        let other = dice.below(self.people.count());
        let devices = [me, me, other]
            .map(|device| tokio::spawn(self.people.clone().use_device(device, 6, Duration::from_millis(50))));
        sleep(dice.duration(Duration::ZERO, Duration::from_millis(500))).await;
        users.erase(deleted.clone());
        for _ in 0..3 {
            // Killed at any point.
            let limit = dice.duration(Duration::ZERO, Duration::from_secs(2));
            let _ = timeout(limit, self.lambda.erasure().pass(&deleted)).await;
        }
        for device in devices {
            device.await.unwrap();
        }
        self.lambda.faults.set_enabled(false);
        // Then no request runs that began before, and no cache has the user.
        sleep(Duration::from_mins(11)).await;
        let pass = self.lambda.erasure().pass(&deleted).await;
        if !matches!(pass, Ok(Pass { failed: 0, .. })) {
            self.violations.push(format!("I24: the last pass fails: {pass:?}"));
        }
        self.settle().await;
        delivering.abort();

        let rows = self.rows();
        self.violations.extend(invariants::check_at_rest(&rows));
        if !of_others(&rows).is_superset(&before) {
            self.violations.push("I24: others have lost messages".to_owned());
        }
        let is_kept = |row: &&Value| RowKind::of_partition(text(row, "pk")) != Some(RowKind::Idempotency);
        for row in rows.iter().filter(is_kept) {
            let row = row.to_string();
            if [&user.handle, &user.display_name].iter().any(|name| row.contains(&format!("\"{name}\""))) {
                self.violations.push(format!("I24: the erased user is named by {row}"));
            }
        }
    }

    fn rows(&self) -> Vec<Value> {
        self.commits.lock().unwrap().rows.values().cloned().collect()
    }

    fn rows_without_logs(&self) -> BTreeMap<Key, Value> {
        let mut rows = self.commits.lock().unwrap().rows.clone();
        rows.retain(|(pk, _), _| RowKind::of_partition(pk) != Some(RowKind::EventLog));
        rows
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
        trace.lock().unwrap().add_call(call, begin);
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

/// Makes the database, the key set and the sockets' management API fail and recover.
async fn change_outages(Lambda { users, pool, sockets, faults, dice, .. }: Lambda) {
    const POSTGRES: [FaultKind; 5] = [
        FaultKind::PostgresDown,
        FaultKind::PostgresSlow,
        FaultKind::PostgresSilent,
        FaultKind::PostgresReset,
        FaultKind::PostgresShutDown,
    ];
    const KEY_SET: [FaultKind; 3] = [FaultKind::KeySetDown, FaultKind::KeySetSlow, FaultKind::KeySetGarbage];
    const PUSHES: [FaultKind; 2] = [FaultKind::PushDown, FaultKind::PushSilent];
    loop {
        users.set_fault(faults.draw(&POSTGRES));
        pool.set_fault(faults.draw(&KEY_SET));
        sockets.set_fault(faults.draw(&PUSHES));
        sleep(dice.duration(Duration::from_millis(20), Duration::from_secs(3))).await;
    }
}

fn users(number: usize, dice: &Dice) -> Vec<SignedUp> {
    let user = |number: usize| {
        let uuid = Uuid::from_u128(0x0195_b5a0_0000_7000_8000_0000_0000_0000 + number as u128);
        let user =
            User { uuid, handle: format!("user-{number}"), display_name: format!("User No. {number}") };
        let (is_private, read_receipts) = (dice.chance(0.25), dice.chance(0.8));
        let subject = format!("subject-{number}");
        let messages_from = match dice.below(10) {
            0..=2 => MessagesFrom::Requests,
            3 => MessagesFrom::Nobody,
            _ => MessagesFrom::Everyone,
        };
        SignedUp { user, subject, read_receipts: read_receipts && !is_private, is_private, messages_from }
    };
    (0..number).map(user).collect()
}
