//! The process of an execution environment: its share of a processor, and its usage.

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

/// The period of the CPU quota.
const PERIOD: Duration = Duration::from_millis(20);

pub struct Process {
    child: Child,
    pid: u32,
    group: Option<Group>,
}

/// A cgroup for one process.
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
    /// Starts `binary` on its own processor, with only `variables` in its environment.
    pub fn start(binary: &Path, variables: &[(String, String)], processors: &Processors) -> Result<Self> {
        let child = Command::new(binary)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            // In AWS, the processing of logs doesn't use the function's processor.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can't be started", binary.display()))?;
        let pid = child.id().context("it has ended at once")?;
        sched_setaffinity(Some(pid_of(pid)?), &processors.function)?;
        Ok(Self { child, pid, group: None })
    }

    /// Limits the CPU share to that of a function with `memory` MB; shares are proportional to memory.
    /// Returns `false` if this machine has no writable cgroups.
    pub fn limit(&mut self, memory: u32) -> Result<bool> {
        if self.group.is_none() {
            self.group = Group::of(self.pid)?;
        }
        let Some(group) = &self.group else { return Ok(false) };
        group.limit(f64::from(memory) / f64::from(MEMORY_OF_ONE_PROCESSOR))?;
        Ok(true)
    }

    /// Freezes the process, as Lambda does between invocations, or resumes it.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        kill_process(pid_of(self.pid)?, if frozen { Signal::STOP } else { Signal::CONT })?;
        Ok(())
    }

    /// CPU time of all its running threads. Ended threads don't count: a function has one thread, and a few
    /// that wait for work.
    pub fn cpu_time(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            // The thread may have just ended.
            let Ok(line) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanoseconds += line.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Current and peak resident memory, in bytes.
    pub fn memory(&self) -> Result<(u64, u64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0)
        };
        Ok((kilobytes("VmRSS:") * 1_024, kilobytes("VmHWM:") * 1_024))
    }

    pub async fn stop(mut self) -> Result<()> {
        self.freeze(false)?;
        self.child.kill().await?;
        Ok(())
    }
}

/// The division of processors: the last one is for functions, the others for everything around them. As in
/// Lambda, nothing else evicts a function's caches.
///
/// A function also stays on its processor, because the kernel grants quotas per processor. The unused rest
/// would be lost on a move to another. Processors are kept awake, if permitted.
pub struct Processors {
    all: CpuSet,
    function: CpuSet,
    awake: Option<File>,
}

impl Processors {
    /// Divides the processors. This process keeps to its own until [`Self::give_back`]. A single processor is
    /// shared.
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

    /// Lets this process use all processors again, and lets them sleep.
    pub fn give_back(self) -> Result<()> {
        keep_own_threads_to(&self.all)
    }

    /// Whether all processors are kept awake.
    #[must_use]
    pub const fn are_awake(&self) -> bool {
        self.awake.is_some()
    }
}

/// Keeps all processors awake, even if idle, until the file is closed. Returns `None` without permission.
/// Uses Linux's "PM Quality Of Service Interface": the maximum wake-up latency in µs.
///
/// A processor that sleeps while a function waits resumes later, with cold caches. On a virtual machine, the
/// hypervisor must wake it. This takes longer than a small invocation, varies from hour to hour, and is not
/// the function's cost.
fn keep_awake() -> Option<File> {
    let mut file = OpenOptions::new().write(true).open("/dev/cpu_dma_latency").ok()?;
    file.write_all(&0_i32.to_ne_bytes()).ok()?;
    Some(file)
}

/// Sets the processors of all threads. Later threads inherit them.
fn keep_own_threads_to(processors: &CpuSet) -> Result<()> {
    for task in fs::read_dir("/proc/self/task")? {
        let thread = task?.file_name().to_string_lossy().parse()?;
        match sched_setaffinity(Some(pid_of(thread)?), processors) {
            // The thread has just ended.
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
    /// Creates a cgroup with the process in it. Returns `None` if there are no writable cgroups.
    fn of(pid: u32) -> Result<Option<Self>> {
        let root = Path::new("/sys/fs/cgroup");
        let (quota, parent) =
            if root.join("cpu/cpu.cfs_quota_us").exists() || root.join("cpu/cgroup.procs").exists() {
                (Quota::V1, root.join("cpu"))
            } else if root.join("cgroup.subtree_control").exists() {
                // The controller may already be enabled. If it is unavailable, setting the limit fails.
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
        // A cgroup can be removed only when empty.
        let _ = self.child.start_kill();
        while self.group.is_some() && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(1));
        }
        if let Some(group) = &self.group {
            let _ = fs::remove_dir(&group.folder);
        }
    }
}
