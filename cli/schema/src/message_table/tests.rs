use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    operation::create_table::builders::CreateTableFluentBuilder,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
        ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TimeToLiveSpecification,
    },
};
use local::engines::dynamodb::DynamoDb;

use super::{MessageTable, MessageTableError, ensure};

const TABLE: &str = "messages";

async fn engine() -> (DynamoDb, Client) {
    let engine = DynamoDb::start(None, 0).await.unwrap();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(engine.endpoint_url())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .build();
    (engine, Client::from_conf(config))
}

fn keys(hash: &str, range: &str) -> Vec<KeySchemaElement> {
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    vec![key(hash, KeyType::Hash).unwrap(), key(range, KeyType::Range).unwrap()]
}

fn attributes(types: &[(&str, ScalarAttributeType)]) -> Vec<AttributeDefinition> {
    let attribute = |(name, kind): &(&str, ScalarAttributeType)| {
        AttributeDefinition::builder().attribute_name(*name).attribute_type(kind.clone()).build().unwrap()
    };
    types.iter().map(attribute).collect()
}

fn strings<const N: usize>(names: [&str; N]) -> Vec<AttributeDefinition> {
    attributes(&names.map(|name| (name, ScalarAttributeType::S)))
}

fn index(hash: &str, range: &str, projection: ProjectionType) -> Vec<GlobalSecondaryIndex> {
    let index = GlobalSecondaryIndex::builder()
        .index_name("message-group-sk-index")
        .set_key_schema(Some(keys(hash, range)))
        .projection(Projection::builder().projection_type(projection).build());
    vec![index.build().unwrap()]
}

fn stream(view: StreamViewType) -> StreamSpecification {
    StreamSpecification::builder().stream_enabled(true).stream_view_type(view).build().unwrap()
}

async fn expire_by(client: &Client, attribute: &str) {
    let expiry = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build().unwrap();
    client.update_time_to_live().table_name(TABLE).time_to_live_specification(expiry).send().await.unwrap();
}

/// The differences of a table with the right definition except for `change` and `expiry`.
async fn refusal(
    expiry: Option<&str>,
    change: impl FnOnce(CreateTableFluentBuilder) -> CreateTableFluentBuilder,
) -> Vec<String> {
    let (engine, client) = engine().await;
    let table = client
        .create_table()
        .table_name(TABLE)
        .set_attribute_definitions(Some(strings(["pk", "sk", "message_group_uuid"])))
        .set_key_schema(Some(keys("pk", "sk")))
        .set_global_secondary_indexes(Some(index("message_group_uuid", "sk", ProjectionType::All)))
        .stream_specification(stream(StreamViewType::NewImage))
        .billing_mode(BillingMode::PayPerRequest);
    change(table).send().await.unwrap();
    if let Some(attribute) = expiry {
        expire_by(&client, attribute).await;
    }
    let refused = ensure(&client, TABLE).await;
    engine.shutdown().await.unwrap();
    match refused {
        Err(MessageTableError::Different { name, differences }) => {
            assert_eq!(name, TABLE);
            differences
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_table_is_created_once() {
    let (engine, client) = engine().await;
    let created = ensure(&client, TABLE).await.unwrap();
    assert!(created.created && created.expiry_enabled, "{created:?}");
    let found = ensure(&client, TABLE).await.unwrap();
    let MessageTable { stream_arn, .. } = created;
    assert_eq!(found, MessageTable { created: false, expiry_enabled: false, stream_arn });
    engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_interrupted_creation_is_finished() {
    let (engine, client) = engine().await;
    super::create(&client, TABLE).await.unwrap();
    let found = ensure(&client, TABLE).await.unwrap();
    assert_eq!((found.created, found.expiry_enabled), (false, true));
    let expiry = super::time_to_live(&client, TABLE).await.unwrap();
    assert_eq!(expiry.attribute_name(), Some("expires_at"));
    engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn other_keys_are_named() {
    let found = refusal(Some("expires_at"), |table| {
        table
            .set_attribute_definitions(Some(strings(["id", "at", "sk", "message_group_uuid"])))
            .set_key_schema(Some(keys("id", "at")))
    });
    assert_eq!(found.await, ["its keys are id (HASH), at (RANGE) and not pk (HASH), sk (RANGE)"]);
}

#[tokio::test]
async fn a_key_that_is_no_string_is_named() {
    let types = [
        ("pk", ScalarAttributeType::S),
        ("sk", ScalarAttributeType::N),
        ("message_group_uuid", ScalarAttributeType::B),
    ];
    let found =
        refusal(Some("expires_at"), |table| table.set_attribute_definitions(Some(attributes(&types))));
    let mut found = found.await;
    found.sort();
    assert_eq!(
        found,
        [
            "its attribute message_group_uuid is of type B and not S",
            "its attribute sk is of type N and not S",
        ]
    );
}

#[tokio::test]
async fn a_missing_index_is_named() {
    let found = refusal(Some("expires_at"), |table| {
        table.set_attribute_definitions(Some(strings(["pk", "sk"]))).set_global_secondary_indexes(None)
    });
    assert_eq!(found.await, ["the index message-group-sk-index is missing"]);
}

#[tokio::test]
async fn an_index_with_other_keys_and_other_attributes_is_named() {
    let found = refusal(Some("expires_at"), |table| {
        table
            .set_attribute_definitions(Some(strings(["pk", "sk"])))
            .set_global_secondary_indexes(Some(index("sk", "pk", ProjectionType::KeysOnly)))
    });
    assert_eq!(
        found.await,
        [
            "the keys of message-group-sk-index are sk (HASH), pk (RANGE) and not message_group_uuid (HASH), sk (RANGE)",
            "the projection of message-group-sk-index is KEYS_ONLY and not ALL",
        ]
    );
}

#[tokio::test]
async fn a_missing_stream_is_named() {
    let found = refusal(Some("expires_at"), |table| table.set_stream_specification(None));
    assert_eq!(found.await, ["it has no stream"]);
}

#[tokio::test]
async fn a_stream_of_something_else_is_named() {
    let found =
        refusal(Some("expires_at"), |table| table.stream_specification(stream(StreamViewType::KeysOnly)));
    assert_eq!(found.await, ["its stream shows KEYS_ONLY and not NEW_IMAGE"]);
}

#[tokio::test]
async fn expiry_by_another_attribute_is_named() {
    let found = refusal(Some("ttl"), |table| table);
    assert_eq!(found.await, ["its time to live goes by ttl and not by expires_at"]);
}

#[tokio::test]
async fn expiry_that_is_off_is_named_beside_other_differences() {
    let found = refusal(None, |table| table.set_stream_specification(None));
    assert_eq!(found.await, ["it has no stream", "its time to live is off and not on for expires_at"]);
}

#[test]
fn the_error_names_every_difference_and_the_remedy() {
    let error = MessageTableError::Different {
        name: TABLE.to_owned(),
        differences: vec!["it has no stream".to_owned(), "its keys are id (HASH)".to_owned()],
    };
    assert_eq!(
        error.to_string(),
        "table messages already exists with a different definition: it has no stream, its keys are id (HASH); \
         use another name (--table, DDB_MESSAGE_TABLE), or delete it with all rows \
         (`cruddur ddb drop messages`) and create it again"
    );
}
