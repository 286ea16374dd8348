//! A minimal function with DynamoDB: one consistent `GetItem` per invocation, on a client with the SDK's
//! defaults. Measures the cost of a call.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use lambda_http::{Error, Request, run, service_fn};

#[expect(clippy::disallowed_methods, reason = "the reference is the library as it is")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    run(service_fn(|_: Request| async {
        let key = |text: &str| AttributeValue::S(text.to_owned());
        let answer = client
            .get_item()
            .table_name("cruddur-messages")
            .key("pk", key("absent"))
            .key("sk", key("absent"))
            .consistent_read(true)
            .send()
            .await?;
        Ok::<_, Error>(if answer.item.is_some() { "there" } else { "not there" })
    }))
    .await
}
