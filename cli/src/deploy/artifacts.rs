//! The built functions.

use std::{
    fs,
    io::{Read, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, Result, bail};
use flate2::{Compression, bufread::DeflateDecoder, write::DeflateEncoder};
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveWriter};

use super::template::Function;
use crate::advice::advised;

/// Where `sam build` and `cargo lambda build` leave the functions.
const FOLDERS: [&str; 2] = [".aws-sam/build", "target/lambda"];

/// The built functions of one folder.
#[derive(Debug)]
pub(super) struct Artifacts {
    pub(super) folder: PathBuf,
    /// The value of the parameter `Architecture`.
    pub(super) architecture: &'static str,
    /// In the order of the template.
    files: Vec<PathBuf>,
}

impl Artifacts {
    /// Finds the functions in a folder, or in those of the build tools, the one that was built last.
    pub(super) fn find(folder: Option<&Path>, functions: &[Function]) -> Result<Self> {
        if let Some(folder) = folder {
            return Self::in_folder(folder, functions);
        }
        let there = FOLDERS.map(Path::new).into_iter().filter(|folder| folder.is_dir());
        let mut found = there.map(|folder| Self::in_folder(folder, functions)).collect::<Vec<_>>();
        // A folder with all functions comes before an incomplete one, and a newer one before an older one.
        found.sort_by_key(|found| found.as_ref().ok().map(Self::built_at));
        found.pop().unwrap_or_else(|| {
            Err(advised(
                "no built functions in .aws-sam/build or target/lambda",
                "name the folder of a release with --artifacts, or build them with `cargo lambda build --release --arm64 \
                 --output-format zip`",
            ))
        })
    }

    fn in_folder(folder: &Path, functions: &[Function]) -> Result<Self> {
        let (mut files, mut missing) = (Vec::new(), Vec::new());
        for function in functions {
            match file(folder, function) {
                Some(file) => files.push(file),
                None => missing.push(&*function.binary),
            }
        }
        let shown = folder.display();
        if !missing.is_empty() {
            return Err(advised(
                format!(
                    "{shown} lacks {} of {} functions: {}",
                    missing.len(),
                    functions.len(),
                    missing.join(", ")
                ),
                "build all functions of this version with `cargo lambda build --release --arm64 --output-format zip`, or name \
                 another folder with --artifacts",
            ));
        }
        let mut architecture = None;
        for file in &files {
            let found =
                architecture_of(file).with_context(|| format!("{}: not a function", file.display()))?;
            if architecture.is_some_and(|architecture| architecture != found) {
                return Err(advised(
                    format!("{shown} has functions for arm64 and for x86_64"),
                    "build all functions for the same processor",
                ));
            }
            architecture = Some(found);
        }
        let architecture = architecture.context("the template has no functions")?;
        Ok(Self { folder: folder.to_owned(), architecture, files })
    }

    /// The zip of a function, by its place in the template.
    pub(super) fn zip(&self, index: usize) -> Result<Vec<u8>> {
        let file = self.files.get(index).context("no such function")?;
        let content = fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
        if is_zip(file) { Ok(content) } else { zipped(&content) }
    }

    fn built_at(&self) -> SystemTime {
        self.files.iter().map(|file| modified(file)).max().unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// The newest file of a function, since each build tool leaves the other's file in place.
fn file(folder: &Path, Function { resource, binary, .. }: &Function) -> Option<PathBuf> {
    let files = [
        format!("{binary}.zip"),
        format!("{binary}/bootstrap.zip"),
        format!("{binary}/bootstrap"),
        format!("{resource}/bootstrap"),
    ];
    let files = files.map(|file| folder.join(file)).into_iter().filter(|file| file.is_file());
    files.max_by_key(|file| modified(file))
}

fn modified(file: &Path) -> SystemTime {
    fs::metadata(file).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn is_zip(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "zip")
}

/// The function's program in a zip.
const PROGRAM: &str = "bootstrap";

/// Reads the processor of a program for Linux, or of that in a zip.
fn architecture_of(file: &Path) -> Result<&'static str> {
    let content = fs::read(file)?;
    let header = if is_zip(file) { header_in_zip(&content)? } else { header(&content[..])? };
    match (header.get(..4), header.get(18..20)) {
        (Some(b"\x7fELF"), Some([0x3e, 0])) => Ok("x86_64"),
        (Some(b"\x7fELF"), Some([0xb7, 0])) => Ok("arm64"),
        _ => bail!("its program is not one for Linux on arm64 or x86_64"),
    }
}

fn header_in_zip(zip: &[u8]) -> Result<Vec<u8>> {
    let archive = ZipArchive::from_slice(zip)?;
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry()? {
        if entry.file_path().try_normalize()?.as_ref() != PROGRAM {
            continue;
        }
        let data = archive.get_entry(entry.wayfinder())?.data();
        return match entry.compression_method() {
            CompressionMethod::STORE => header(data),
            CompressionMethod::DEFLATE => header(DeflateDecoder::new(data)),
            other => bail!("its zip has the compression method {other:?}, which Lambda does not read"),
        };
    }
    bail!("its zip has no {PROGRAM}")
}

/// The first bytes of a program.
fn header(program: impl Read) -> Result<Vec<u8>> {
    let mut header = Vec::new();
    program.take(20).read_to_end(&mut header)?;
    Ok(header)
}

/// Packs a program. The same program results in the same bytes.
fn zipped(program: &[u8]) -> Result<Vec<u8>> {
    let mut zip = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut zip);
    let file = archive.new_file(PROGRAM).compression_method(CompressionMethod::DEFLATE);
    let (mut entry, config) = file.unix_permissions(0o755).start()?;
    let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
    writer.write_all(program)?;
    let (encoder, descriptor) = writer.finish()?;
    encoder.finish()?;
    entry.finish(descriptor)?;
    archive.finish()?;
    Ok(zip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(binary: &str) -> Function {
        let resource = format!("{binary}Function");
        Function { resource, binary: binary.to_owned(), is_limited: true, line: 0 }
    }

    fn program(machine: u8) -> Vec<u8> {
        let mut program = vec![0; 200];
        program[..4].copy_from_slice(b"\x7fELF");
        program[18] = machine;
        program
    }

    fn write(folder: &Path, file: &str, content: &[u8]) {
        let file = folder.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    #[test]
    fn functions_are_found_as_each_tool_leaves_them() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "a.zip", &zipped(&program(0xb7)).unwrap());
        write(folder, "b/bootstrap.zip", &zipped(&program(0xb7)).unwrap());
        write(folder, "c/bootstrap", &program(0xb7));
        write(folder, "dFunction/bootstrap", &program(0xb7));
        let found = Artifacts::find(Some(folder), &["a", "b", "c", "d"].map(function)).unwrap();
        assert_eq!(found.architecture, "arm64");
        let zips = (0..4).map(|index| found.zip(index).unwrap()).collect::<Vec<_>>();
        assert!(zips.iter().all(|zip| *zip == zips[0]), "the same program, packed in different ways");
        let error = Artifacts::find(Some(folder), &["a", "e"].map(function)).unwrap_err();
        assert!(error.to_string().contains("lacks 1 of 2 functions: e"), "{error}");
    }

    #[test]
    fn programs_for_another_processor_or_system_are_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "a/bootstrap", &program(0xb7));
        write(folder, "b/bootstrap", &program(0x3e));
        write(folder, "c/bootstrap", b"MZ, for Windows");
        let error = |binaries: &[&str]| {
            let functions = binaries.iter().map(|binary| function(binary)).collect::<Vec<_>>();
            format!("{:#}", Artifacts::find(Some(folder), &functions).unwrap_err())
        };
        assert!(error(&["a", "b"]).contains("for arm64 and for x86_64"));
        assert!(error(&["c"]).contains("not one for Linux"));
    }
}
