//! How large functions are.

use std::{collections::BTreeSet, fs, io::Write as _, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use flate2::{Compression, write::DeflateEncoder};
use serde::Serialize;

use crate::figures::mb;

/// Of one function.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Size {
    /// The binary.
    pub binary_mb: f64,
    /// The binary as it is in a zip.
    pub zip_mb: f64,
    /// Crates that are linked, its own one included.
    pub crates: usize,
}

/// Of the function that `binary` is built of.
pub fn size(binary: &Path, package: &str) -> Result<Size> {
    let bytes = fs::read(binary).with_context(|| format!("{} can't be read", binary.display()))?;
    let mut zip = DeflateEncoder::new(Vec::new(), Compression::best());
    zip.write_all(&bytes)?;
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(Size { binary_mb: mb(length(&bytes)), zip_mb: mb(length(&zip.finish()?)), crates: crates(package)? })
}

fn crates(package: &str) -> Result<usize> {
    let listed = Command::new("cargo")
        .args(["tree", "--locked", "--package", package, "--edges", "normal,no-proc-macro"])
        .args(["--prefix", "none", "--format", "{p}", "--no-dedupe"])
        .output()?;
    if !listed.status.success() {
        bail!("cargo tree: {}", String::from_utf8_lossy(&listed.stderr));
    }
    let lines = String::from_utf8(listed.stdout)?;
    Ok(lines.lines().filter_map(|line| line.split(" (").next()).collect::<BTreeSet<_>>().len())
}
