//! The process of an execution environment: its share of a processor, and its usage.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result};
use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use tokio::process::{Child, Command};

/// The memory size that comes with one whole processor, in MB (AWS Lambda, "Configure Lambda function
/// memory").
pub(crate) const MEMORY_OF_ONE_PROCESSOR: u32 = 1_769;

/// The period of the CPU quota, in µs.
const PERIOD: u32 = 20_000;

/// A function's process, killed on drop.
pub(crate) struct Process {
    child: Child,
    pid: u32,
    cgroup: Option<PathBuf>,
}

impl Process {
    /// Starts `binary` on the functions' processor, with only `variables` in its environment.
    pub(crate) fn start(
        binary: &Path,
        variables: Vec<(&'static str, String)>,
        processors: &Processors,
    ) -> Result<Self> {
        let child = Command::new(binary)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            // In AWS, the processing of logs doesn't use the function's processor.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("can't start {}", binary.display()))?;
        let pid = child.id().context("the process has ended")?;
        sched_setaffinity(Pid::from_raw(pid.try_into()?), &processors.function)?;
        Ok(Self { child, pid, cgroup: None })
    }

    /// Limits the CPU share to that of a function with `memory` MB; shares are proportional to memory. Requires
    /// root, and cgroups of version 1 or 2.
    pub(crate) fn limit(&mut self, memory: u32) -> Result<()> {
        let (root, quota) = (Path::new("/sys/fs/cgroup"), PERIOD * memory / MEMORY_OF_ONE_PROCESSOR);
        let (parent, settings) = if root.join("cpu").exists() {
            let settings = [("cpu.cfs_period_us", PERIOD), ("cpu.cfs_quota_us", quota)];
            (root.join("cpu"), settings.map(|(file, value)| (file, value.to_string())).to_vec())
        } else {
            fs::write(root.join("cgroup.subtree_control"), "+cpu")?;
            (root.to_owned(), vec![("cpu.max", format!("{quota} {PERIOD}"))])
        };
        let folder = parent.join(format!("cruddur-bench-{}", self.pid));
        fs::create_dir(&folder)?;
        let folder = &*self.cgroup.insert(folder);
        for (file, value) in settings {
            fs::write(folder.join(file), value)?;
        }
        fs::write(folder.join("cgroup.procs"), self.pid.to_string())?;
        Ok(())
    }

    /// CPU time of all its running threads. Ended threads don't count: a function has one thread, and a few
    /// that wait for work.
    pub(crate) fn cpu_ms(&self) -> Result<f64> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            // The thread may have just ended.
            let Ok(line) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanoseconds += line.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3)
    }

    /// Current and peak resident memory, in MB.
    pub(crate) fn memory_mb(&self) -> Result<[f64; 2]> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        Ok(["VmRSS:", "VmHWM:"].map(|name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1_024.0
        }))
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await?;
        // Only an empty cgroup can be removed.
        self.cgroup.map_or(Ok(()), fs::remove_dir)?;
        Ok(())
    }
}

/// The division of processors: the last one is for functions, the others for everything around them. As in
/// Lambda, nothing else evicts a function's caches.
///
/// A function also stays on its processor, because the kernel grants quotas per processor. The unused rest
/// would be lost on a move to another. Processors are kept awake, if permitted.
pub(crate) struct Processors {
    function: CpuSet,
    awake: Option<File>,
}

impl Processors {
    /// Reserves the last processor for functions: moves this thread, and all that it starts later, to the
    /// others. A single processor is shared.
    pub(crate) fn reserve() -> Result<Self> {
        let mut others = sched_getaffinity(None)?;
        let last =
            (0..CpuSet::MAX_CPU).rev().find(|number| others.is_set(*number)).context("no processor")?;
        let mut function = CpuSet::new();
        function.set(last);
        if others.count() > 1 {
            others.unset(last);
        }
        sched_setaffinity(None, &others)?;
        Ok(Self { function, awake: keep_awake() })
    }

    pub(crate) const fn are_kept_awake(&self) -> bool {
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
