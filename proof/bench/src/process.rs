//! One execution environment: a process, its share of the processor, and what it has used of it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use tokio::process::{Child, Command};

use crate::run::MEMORY_OF_ONE_PROCESSOR;

/// Of which a process gets its share again and again.
const PERIOD: Duration = Duration::from_millis(20);

/// A running function.
pub struct Process {
    child: Child,
    pid: u32,
    group: Option<Group>,
}

/// A control group of the process's own.
struct Group {
    quota: Quota,
    folder: PathBuf,
}

#[derive(Clone, Copy)]
enum Quota {
    V1,
    V2,
}

impl Process {
    /// Starts `binary` on its own processor, with nothing in its environment but `variables`.
    pub fn start(binary: &Path, variables: &[(String, String)], processors: &Processors) -> Result<Self> {
        let child = Command::new(binary)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            // Where its log goes in AWS is somebody else's processor.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can't be started", binary.display()))?;
        let pid = child.id().context("it has ended at once")?;
        sched_setaffinity(Some(pid_of(pid)?), &processors.function)?;
        Ok(Self { child, pid, group: None })
    }

    /// From now on it has no more of a processor than a function with so much memory, in MB: its share is in proportion.
    /// False: this machine has no control groups that can be written.
    pub fn limit(&mut self, memory: u32) -> Result<bool> {
        if self.group.is_none() {
            self.group = Group::of(self.pid)?;
        }
        let Some(group) = &self.group else { return Ok(false) };
        group.limit(f64::from(memory) / f64::from(MEMORY_OF_ONE_PROCESSOR))?;
        Ok(true)
    }

    /// Stops it where it is, as Lambda does between two invocations, or lets it go on.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        kill_process(pid_of(self.pid)?, if frozen { Signal::STOP } else { Signal::CONT })?;
        Ok(())
    }

    /// What its threads have used of processors. (Threads that have ended do not count: a function has one, and a
    /// few that wait for work.)
    pub fn cpu_time(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            // One that ends just now has nothing to say.
            let Ok(line) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanoseconds += line.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Its resident memory, now and at most, in bytes.
    pub fn memory(&self) -> Result<(u64, u64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0)
        };
        Ok((kilobytes("VmRSS:") * 1_024, kilobytes("VmHWM:") * 1_024))
    }

    /// Ends it.
    pub async fn stop(mut self) -> Result<()> {
        self.freeze(false)?;
        self.child.kill().await?;
        Ok(())
    }
}

/// Which processors are whose: the last is the functions', all others are for what is around them. So a function finds in the
/// caches what it has left there, as in Lambda, where nothing else is on its processor. And it stays on that one: the kernel
/// hands shares of processors out to each by itself, and what is not used up on one would be lost when a process goes to
/// another. None of them sleeps meanwhile, where that can be had.
pub struct Processors {
    all: CpuSet,
    function: CpuSet,
    awake: Option<File>,
}

impl Processors {
    /// Shares them out: until [`Self::give_back`] this process keeps to its own. (Where there is one alone, it is everybody's.)
    pub fn share_out() -> Result<Self> {
        let all = sched_getaffinity(None)?;
        let (mut function, mut own) = (CpuSet::new(), all);
        if let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|number| all.is_set(*number)) {
            function.set(last);
            own.unset(last);
        }
        keep_own_threads_to(if own.count() > 0 { &own } else { &all })?;
        Ok(Self { all, function, awake: keep_awake() })
    }

    /// Lets this process use all again, and all sleep.
    pub fn give_back(self) -> Result<()> {
        keep_own_threads_to(&self.all)
    }

    /// Whether none of them sleeps.
    #[must_use]
    pub const fn are_awake(&self) -> bool {
        self.awake.is_some()
    }
}

/// Keeps all processors awake, with nothing to do as well, until the file is closed; `None` where this process must not. (Linux,
/// "PM Quality Of Service Interface": the longest that may pass until one goes on, in µs.)
///
/// One that sleeps while a function waits goes on later and colder, and on a virtual machine it takes the hypervisor to wake it:
/// more than a small invocation takes itself, different from hour to hour, and nothing of the function's.
fn keep_awake() -> Option<File> {
    let mut file = OpenOptions::new().write(true).open("/dev/cpu_dma_latency").ok()?;
    file.write_all(&0_i32.to_ne_bytes()).ok()?;
    Some(file)
}

/// (Threads that are started later keep to what the one that starts them does.)
fn keep_own_threads_to(processors: &CpuSet) -> Result<()> {
    for task in fs::read_dir("/proc/self/task")? {
        let thread = task?.file_name().to_string_lossy().parse()?;
        match sched_setaffinity(Some(pid_of(thread)?), processors) {
            // One that has ended just now.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn pid_of(number: u32) -> Result<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw).context("no pid")
}

impl Group {
    /// A group with the process in it, where there are groups.
    fn of(pid: u32) -> Result<Option<Self>> {
        let root = Path::new("/sys/fs/cgroup");
        let (quota, parent) =
            if root.join("cpu/cpu.cfs_quota_us").exists() || root.join("cpu/cgroup.procs").exists() {
                (Quota::V1, root.join("cpu"))
            } else if root.join("cgroup.subtree_control").exists() {
                // Where it is there already, or can't be had, the limit itself will tell.
                let _ = fs::write(root.join("cgroup.subtree_control"), "+cpu");
                (Quota::V2, root.to_owned())
            } else {
                return Ok(None);
            };
        let folder = parent.join(format!("cruddur-bench-{pid}"));
        match fs::create_dir(&folder) {
            Ok(()) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
        fs::write(folder.join("cgroup.procs"), pid.to_string())?;
        Ok(Some(Self { quota, folder }))
    }

    fn limit(&self, processors: f64) -> Result<()> {
        let period = PERIOD.as_micros();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some thousand microseconds"
        )]
        let quota = (PERIOD.as_secs_f64() * 1e6 * processors).round() as u64;
        match self.quota {
            Quota::V1 => {
                fs::write(self.folder.join("cpu.cfs_period_us"), period.to_string())?;
                fs::write(self.folder.join("cpu.cfs_quota_us"), quota.to_string())?;
            }
            Quota::V2 => fs::write(self.folder.join("cpu.max"), format!("{quota} {period}"))?,
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A group can go when nothing is in it.
        let _ = self.child.start_kill();
        while self.group.is_some() && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(1));
        }
        if let Some(group) = &self.group {
            let _ = fs::remove_dir(&group.folder);
        }
    }
}
