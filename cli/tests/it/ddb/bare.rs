//! Two engines without a stack: the stream has no reader, and the only table is that of users, which is empty.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::AttributeValue,
};
use local::engines::{dynamodb::DynamoDb, postgres::Postgres};
use serde_json::{Map, Value, json};
use tokio::process::Command;
use tokio_postgres::NoTls;

use crate::machine::{Run, command};

/// The engines, with the migrations applied, and the command on them.
#[derive(Debug)]
pub(super) struct Bare {
    dynamodb: DynamoDb,
    postgres: Postgres,
}

impl Bare {
    pub(super) async fn start() -> Self {
        let bare = Self::without_migrations().await;
        let config: tokio_postgres::Config = bare.postgres.database_url().parse().unwrap();
        let (mut client, connection) = config.connect(NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        schema::migrations::run(&mut client).await.unwrap();
        drop(client);
        driver.await.unwrap().unwrap();
        bare
    }

    /// The engines, with a database that has no tables.
    pub(super) async fn without_migrations() -> Self {
        Self {
            dynamodb: DynamoDb::start(None, 0).await.unwrap(),
            postgres: Postgres::start(None, 0).await.unwrap(),
        }
    }

    pub(super) fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// The command with these arguments, on these engines. A stack that runs beside the tests is none of theirs.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        command(&[arguments, &self.places()].concat())
    }

    pub(super) fn places(&self) -> [&str; 6] {
        [
            "--url",
            "http://127.0.0.1:9",
            "--dynamodb-url",
            self.dynamodb.endpoint_url(),
            "--database-url",
            self.postgres.database_url(),
        ]
    }

    pub(super) async fn cruddur(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().await.unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: self.without_ports(&output.stdout),
            stderr: self.without_ports(&output.stderr),
        }
    }

    fn without_ports(&self, output: &[u8]) -> String {
        let text = String::from_utf8(output.to_vec()).unwrap();
        text.replace(self.dynamodb.endpoint_url(), "http://dynamodb")
    }

    pub(super) fn client(&self) -> Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(self.dynamodb.endpoint_url())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"));
        Client::from_conf(config.build())
    }

    /// Every row of the table by its keys, as DynamoDB's JSON.
    pub(super) async fn rows(&self) -> BTreeMap<(String, String), Value> {
        let mut pages = self.client().scan().table_name("cruddur-messages").into_paginator().items().send();
        let mut rows = BTreeMap::new();
        while let Some(item) = pages.next().await {
            let row = item.unwrap().into_iter().map(|(name, value)| (name, typed(value)));
            let row = Value::Object(row.collect::<Map<_, _>>());
            let key = |name: &str| row[name]["S"].as_str().unwrap().to_owned();
            rows.insert((key("pk"), key("sk")), row);
        }
        rows
    }

    pub(super) async fn stop(self) {
        self.dynamodb.shutdown().await.unwrap();
        self.postgres.shutdown().await.unwrap();
    }
}

fn typed(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(value) => json!({"BOOL": value}),
        AttributeValue::Ss(set) => json!({"SS": set}),
        AttributeValue::M(map) => {
            let map = map.into_iter().map(|(name, value)| (name, typed(value)));
            json!({"M": map.collect::<Map<_, _>>()})
        }
        other => panic!("no row has {other:?}"),
    }
}
