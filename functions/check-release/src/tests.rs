//! The function against a Lambda that runs in the test.

use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use lambda_runtime::Context;
use serde_json::json;

use super::*;

const URL: &str = "https://answers.test/upload?signature=secret";

/// The newest version of a function, and the versions behind its alias.
#[derive(Clone, Debug)]
struct Function {
    name: &'static str,
    published: u64,
    live: Option<u64>,
    /// The error of an invocation. `None` if the function is healthy.
    error: Option<&'static str>,
    /// How often a look at the version still shows it pending.
    pending: usize,
}

impl Function {
    fn new(name: &'static str, published: u64, live: Option<u64>) -> Self {
        Self { name, published, live, error: None, pending: 0 }
    }
}

#[derive(Clone, Debug)]
struct Aws {
    functions: Arc<Mutex<Vec<Function>>>,
    stack_status: &'static str,
    /// Calls that are refused before any other, as status.
    refusals: Arc<Mutex<Vec<u16>>>,
    /// Method and path of each call, and the last answer to CloudFormation.
    calls: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Vec<Value>>>,
}

impl Aws {
    fn new(functions: impl IntoIterator<Item = Function>) -> Self {
        Self {
            functions: Arc::new(Mutex::new(functions.into_iter().collect())),
            stack_status: "UPDATE_IN_PROGRESS",
            refusals: Arc::default(),
            calls: Arc::default(),
            answers: Arc::default(),
        }
    }

    fn reply(&self, method: &str, path: &str, body: &str) -> (u16, bool, Value) {
        if let Some(status) = self.refusals.lock().unwrap().pop() {
            return (status, false, json!({"Message": "not now"}));
        }
        if path == "/" {
            let status = format!("<StackStatus>{}</StackStatus>", self.stack_status);
            return (200, false, status.into());
        }
        let (name, rest) = path.strip_prefix("/2015-03-31/functions/").unwrap().split_once('/').unwrap();
        let mut functions = self.functions.lock().unwrap();
        let function = functions.iter_mut().find(|function| function.name == name).unwrap();
        let qualifier = format!("Qualifier={}", function.published);
        match (method, rest.split_once('?').unwrap_or((rest, ""))) {
            ("POST", ("versions", "")) => (201, false, json!({"Version": function.published.to_string()})),
            ("GET", ("aliases/live", "")) => match function.live {
                Some(version) => (200, false, json!({"FunctionVersion": version.to_string()})),
                None => (404, false, json!({"Message": "Cannot find alias"})),
            },
            ("GET", ("configuration", query)) if query == qualifier => {
                let is_pending = function.pending > 0;
                function.pending = function.pending.saturating_sub(1);
                (200, false, json!({"State": if is_pending { "Pending" } else { "Active" }}))
            }
            ("POST", ("invocations", query)) if query == qualifier => {
                assert_eq!(body, r#"{"health_check":true}"#);
                match function.error {
                    Some(error) => (200, true, json!({"errorMessage": error, "errorType": "Unhealthy"})),
                    None => (200, false, json!({"healthy": true})),
                }
            }
            _ => panic!("{method} {path}"),
        }
    }

    /// Delivers an event and returns the answer.
    async fn deliver(&self, event: Value) -> Value {
        let endpoints = calls::Endpoints::from_lookup("eu-central-1", |_| None);
        let connector = SharedHttpConnector::new(self.clone());
        let credentials = Credentials::for_tests_with_session_token();
        let calls = Calls::new(
            Signer::new("eu-central-1".to_owned(), credentials, Clock::system()),
            endpoints,
            connector,
        );
        handler(&App { calls }, LambdaEvent::new(event, Context::default())).await;
        let mut answers = self.answers.lock().unwrap();
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }

    fn invocations(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|call| call.contains("/invocations")).cloned().collect()
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
        let (status, is_function_error, reply) = if request.uri() == URL {
            assert_eq!(request.method(), "PUT");
            assert_eq!(request.headers().iter().count(), 0);
            assert!(body.len() <= MAX_ANSWER_BYTES);
            self.answers.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            (200, false, Value::Null)
        } else {
            let path = request.uri().split_once(".eu-central-1.amazonaws.com").unwrap().1;
            assert!(request.headers().get("authorization").unwrap().contains("SignedHeaders=content-type;"));
            assert!(request.headers().get("x-amz-security-token").is_some());
            self.calls.lock().unwrap().push(format!("{} {path}", request.method()));
            self.reply(request.method(), path, &body)
        };
        let reply = match reply {
            Value::String(text) => text,
            reply => reply.to_string(),
        };
        let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(reply));
        if is_function_error {
            response.headers_mut().insert("x-amz-function-error", "Unhandled");
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// An event with the members that CloudFormation sends, among them some that the function does not read.
fn event(request_type: &str) -> Value {
    json!({
        "RequestType": request_type,
        "ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:check-release",
        "ServiceTimeout": "150",
        "ResponseURL": URL,
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/messages/1",
        "RequestId": "request",
        "LogicalResourceId": "Release",
        "ResourceType": "Custom::Release",
        "ResourceProperties": {
            "ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:check-release",
            "Functions": {"ListMessages": "list", "CreateMessage": "create"},
            "Triggers": ["postgresql://user:secret@database.example/cruddur"],
        },
    })
}

#[tokio::test(start_paused = true)]
async fn healthy_versions_are_returned() {
    let mut list = Function::new("list", 12, Some(11));
    list.pending = 3;
    let aws = Aws::new([list, Function::new("create", 1, None)]);
    let answer = aws.deliver(event("Create")).await;
    assert_eq!(
        answer,
        json!({
            "Status": "SUCCESS",
            "PhysicalResourceId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/messages/1/Release",
            "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/messages/1",
            "RequestId": "request",
            "LogicalResourceId": "Release",
            "Data": {"ListMessages": "12", "CreateMessage": "1"},
        })
    );
    assert_eq!(aws.invocations().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_version_fails_the_deployment() {
    let mut list = Function::new("list", 12, Some(11));
    list.error = Some("can't use PostgreSQL; the log has the causes");
    let aws = Aws::new([list, Function::new("create", 12, Some(11))]);
    let mut event = event("Update");
    event["PhysicalResourceId"] = "given".into();
    let answer = aws.deliver(event).await;
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("FAILED"), &json!("given")));
    assert_eq!(
        answer["Reason"],
        "list: version 12 is unhealthy: can't use PostgreSQL; the log has the causes"
    );
    assert!(answer["Data"].is_null());
}

#[tokio::test(start_paused = true)]
async fn only_a_first_version_may_lack_the_key_set() {
    for (live, error, status) in [
        (None, "can't use the key set; the log has the causes", "SUCCESS"),
        (None, "can't use the key set, PostgreSQL; the log has the causes", "FAILED"),
        (Some(11), "can't use the key set; the log has the causes", "FAILED"),
    ] {
        let mut list = Function::new("list", 12, live);
        list.error = Some(error);
        let aws = Aws::new([list, Function::new("create", 12, Some(11))]);
        assert_eq!(aws.deliver(event("Update")).await["Status"], status, "{live:?} {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_not_newer_is_not_invoked() {
    let mut functions = [Function::new("list", 11, Some(11)), Function::new("create", 11, Some(12))];
    for function in &mut functions {
        function.error = Some("no longer healthy");
    }
    let aws = Aws::new(functions);
    let answer = aws.deliver(event("Update")).await;
    assert_eq!(answer["Data"], json!({"ListMessages": "11", "CreateMessage": "11"}));
    assert_eq!(aws.invocations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_not_checked() {
    let mut list = Function::new("list", 13, Some(11));
    list.error = Some("PostgreSQL is down");
    let mut aws = Aws::new([list, Function::new("create", 13, Some(11))]);
    aws.stack_status = "UPDATE_ROLLBACK_IN_PROGRESS";
    let answer = aws.deliver(event("Update")).await;
    assert_eq!(answer["Data"], json!({"ListMessages": "13", "CreateMessage": "13"}));
    assert_eq!(aws.invocations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_makes_no_calls() {
    let aws = Aws::new([]);
    assert_eq!(aws.deliver(event("Delete")).await["Status"], "SUCCESS");
    assert_eq!(*aws.calls.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn every_failure_is_answered() {
    let aws = || Aws::new([Function::new("list", 12, Some(11)), Function::new("create", 12, Some(11))]);
    let reason = async |aws: Aws, event: Value| {
        let answer = aws.deliver(event).await;
        assert_eq!(answer["Status"], "FAILED");
        answer["Reason"].as_str().unwrap().to_owned()
    };
    let mut malformed = event("Create");
    malformed["ResourceProperties"] = Value::Null;
    assert!(reason(aws(), malformed).await.starts_with("the resource's properties are malformed: "));

    let mut not_a_name = event("Create");
    not_a_name["ResourceProperties"]["Functions"] = json!({"ListMessages": "list/../x?"});
    assert_eq!(reason(aws(), not_a_name).await, "list/../x?: not a function's name");

    let refused = aws();
    *refused.refusals.lock().unwrap() = vec![403; 100];
    assert_eq!(
        reason(refused, event("Create")).await,
        "create: can't publish a version: not now (status 403); list: can't publish a version: not now (status 403)"
    );

    let pending = aws();
    pending.functions.lock().unwrap()[0].pending = usize::MAX;
    assert_eq!(reason(pending, event("Create")).await, "list: not checked within 90 s");

    let long = aws();
    long.functions.lock().unwrap()[0].error = Some(concat!("\u{1}\u{1}\u{1}\u{1}", "end of the text"));
    let mut many = event("Create");
    let functions = (0..40).map(|number| (format!("F{number}"), json!("list")));
    many["ResourceProperties"]["Functions"] = Value::Object(functions.collect());
    assert!(reason(long, many).await.len() > 1000);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_succeed_later_is_repeated() {
    let aws = Aws::new([Function::new("list", 12, Some(11)), Function::new("create", 12, Some(11))]);
    *aws.refusals.lock().unwrap() = vec![503, 429, 409, 403];
    assert_eq!(aws.deliver(event("Create")).await["Status"], "SUCCESS");
}
