//! Applies the migrations that the database in `DATABASE_URL` lacks.

use std::process::ExitCode;

use cruddur::{
    config::{DatabaseConfig, environment},
    error::Chain,
};
use schema::migrations;

type Error = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's answer")]
async fn main() -> ExitCode {
    match run().await {
        Ok(applied) if applied.is_empty() => println!("the database has all migrations"),
        Ok(applied) => println!("applied {}", applied.join(", ")),
        Err(error) => {
            eprintln!("error: {}", Chain(&*error));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn run() -> Result<Vec<String>, Error> {
    let (mut client, connection) = DatabaseConfig::from_lookup(environment)?.server.connect().await?;
    let driver = tokio::spawn(connection);
    let report = migrations::run(&mut client).await?;
    drop(client);
    driver.await??;
    Ok(report.applied().to_vec())
}
