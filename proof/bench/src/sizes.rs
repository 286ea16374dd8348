//! Sizes of the functions' binaries.

use std::{collections::BTreeSet, fs, io::Write as _, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use flate2::{Compression, write::DeflateEncoder};
use serde::Serialize;

use crate::figures::mb;

/// The size of one function.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Size {
    pub binary_mb: f64,
    /// The size of the zipped binary.
    pub zip_mb: f64,
    /// Number of linked crates, including its own.
    pub crates: usize,
}

/// Measures the function of `package`, built as `binary`.
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
