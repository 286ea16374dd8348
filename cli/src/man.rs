//! Man pages.

use std::{fs, io, path::Path};

use clap_mangen::Man;

use crate::options::Cli;

/// Writes a page for each command. Creates the folder if it does not exist.
pub(crate) fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut command = Cli::for_man_pages();
    command.build();
    write_pages(&command, folder)
}

fn write_pages(command: &clap::Command, folder: &Path) -> io::Result<()> {
    let source = concat!("cruddur ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).source(source).manual("Cruddur Messages").generate_to(folder)?;
    command.get_subcommands().try_for_each(|subcommand| write_pages(subcommand, folder))
}
