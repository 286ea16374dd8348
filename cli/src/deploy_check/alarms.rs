//! Checks of alarms and their subscriptions.

use aws_config::SdkConfig;
use serde::Deserialize;
use serde_json::json;

use super::report::{CheckResult, Problem, Success};
use crate::{
    aws_calls::{CLOUDWATCH, Calls},
    context::aws_error,
    stack::{Stack, WEBSOCKET_URL},
};

/// CloudWatch's limit for a page.
const PAGE: u32 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    metric_alarms: Vec<Alarm>,
    #[serde(default)]
    composite_alarms: Vec<Alarm>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    #[serde(rename = "AlarmName")]
    name: String,
    state_value: String,
    #[serde(default)]
    actions_enabled: bool,
    #[serde(default, rename = "AlarmActions")]
    actions: Vec<String>,
}

/// The names of the template's alarms, without the stack's name. The prefix alone may match another stack, such as
/// `cruddur-messages-staging`.
const NAMES: [&str; 19] = [
    "iterator-age",
    "dead-letters",
    "groups-not-moved",
    "records-skipped",
    "inbox-stalled",
    "api-5xx",
    "api-latency",
    "function-errors",
    "throttles-reads",
    "throttles-writes",
    "throttles-triggers",
    "table-throttles",
    "unknown-keys",
    "erasures-failed",
    "users-not-entered",
    "messages-reported",
    "pushes-dropped",
    "push-delay",
    OF_WEBSOCKETS,
];

/// The alarm that exists only with a WebSocket API.
const OF_WEBSOCKETS: &str = "openings-refused";

/// Checks that all alarms of the stack exist, are quiet, and have actions.
pub(super) async fn check(calls: &Calls, stack: &Stack) -> CheckResult {
    let mut alarms = alarms(calls, &format!("{}-", stack.name)).await?;
    let names = NAMES.iter().filter(|name| **name != OF_WEBSOCKETS || stack.output(WEBSOCKET_URL).is_some());
    let expected = names.map(|name| format!("{}-{name}", stack.name)).collect::<Vec<_>>();
    alarms.retain(|alarm| expected.contains(&alarm.name));
    assess(&alarms, &expected)
}

async fn alarms(calls: &Calls, prefix: &str) -> Result<Vec<Alarm>, Problem> {
    let (mut alarms, mut token) = (Vec::new(), None::<String>);
    loop {
        let body = json!({
            "AlarmNamePrefix": prefix, "MaxRecords": PAGE, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
            "NextToken": token,
        });
        let target = "GraniteServiceVersion20100801.DescribeAlarms";
        let page = calls.json(CLOUDWATCH, target, &body).await;
        let page: Page = page.map_err(|error| Problem::of_error(&error, "cloudwatch:DescribeAlarms"))?;
        alarms.extend(page.metric_alarms.into_iter().chain(page.composite_alarms));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(alarms);
        }
    }
}

fn assess(alarms: &[Alarm], expected: &[String]) -> CheckResult {
    let names = |is_it: &dyn Fn(&Alarm) -> bool| {
        let names = alarms.iter().filter(|alarm| is_it(alarm)).map(|alarm| &*alarm.name);
        names.collect::<Vec<_>>().join(", ")
    };
    let missing = expected.iter().filter(|name| alarms.iter().all(|alarm| alarm.name != **name));
    let missing = missing.map(String::as_str).collect::<Vec<_>>();
    if !missing.is_empty() {
        return Err(Problem::new(format!("missing: {}", missing.join(", ")), "deploy the template's alarms"));
    }
    let active = names(&|alarm| alarm.state_value == "ALARM");
    if !active.is_empty() {
        let advice = "see docs/OPERATIONS.md";
        return Err(Problem::new(format!("in state ALARM: {active}"), advice));
    }
    let silent = names(&|alarm| !alarm.actions_enabled || alarm.actions.is_empty());
    if !silent.is_empty() {
        let advice = "enable their actions, and add the topic of the stack's output AlarmTopicArn";
        return Err(Problem::new(format!("without actions: {silent}"), advice));
    }
    let (all, unknown) =
        (alarms.len(), alarms.iter().filter(|alarm| alarm.state_value == "INSUFFICIENT_DATA").count());
    Ok(Success::new(format!("all {all} are quiet and have actions ({unknown} without data so far)")))
}

/// Checks that the topic has subscriptions.
pub(super) async fn check_topic(sdk: &SdkConfig, topic_arn: &str) -> CheckResult {
    let client = aws_sdk_sns::Client::new(sdk);
    let answer = client.get_topic_attributes().topic_arn(topic_arn).send().await.map_err(|error| {
        let seen = aws_error("SNS", &error).to_string();
        Problem::of_call(seen, "sns:GetTopicAttributes")
    })?;
    let number = |name: &str| {
        let attribute = answer.attributes().and_then(|attributes| attributes.get(name));
        attribute.and_then(|number| number.parse::<u32>().ok()).unwrap_or_default()
    };
    let (confirmed, pending) = (number("SubscriptionsConfirmed"), number("SubscriptionsPending"));
    let (seen, hint) = match (confirmed, pending) {
        (0, 0) => ("no subscriptions".to_owned(), Some("subscribe the operators with `aws sns subscribe`")),
        (0, _) => (
            format!("no confirmed subscriptions ({pending} pending)"),
            Some("operators have to follow the link in the confirmation email"),
        ),
        _ => (format!("{confirmed} subscribed"), None),
    };
    Ok(Success { seen, hint: hint.map(str::to_owned), value: () })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn assessed(states: &[(&str, bool, Value)]) -> Result<String, String> {
        let alarms = states.iter().enumerate().map(|(number, (state, enabled, actions))| {
            let alarm = json!({
                "AlarmName": format!("stack-{number}"), "StateValue": state,
                "ActionsEnabled": enabled, "AlarmActions": actions,
            });
            serde_json::from_value(alarm).unwrap()
        });
        let expected = (0..states.len()).map(|number| format!("stack-{number}")).collect::<Vec<_>>();
        let assessed = assess(&alarms.collect::<Vec<_>>(), &expected);
        assessed.map(|_| "good".to_owned()).map_err(|problem| problem.seen)
    }

    #[test]
    fn the_alarms_are_those_of_the_template() {
        let template = include_str!("../../../template.yaml");
        let names = template
            .lines()
            .filter_map(|line| line.trim().strip_prefix("AlarmName: !Sub ${AWS::StackName}-"));
        assert_eq!(names.collect::<Vec<_>>(), NAMES);
    }

    #[test]
    fn alarms_exist_are_quiet_and_have_actions() {
        let topic = || json!(["arn:aws:sns:eu-central-1:123456789012:topic"]);
        let problem = assess(&[], &["stack-a".to_owned(), "stack-b".to_owned()]).err();
        assert_eq!(problem.map(|problem| problem.seen), Some("missing: stack-a, stack-b".to_owned()));
        assert_eq!(
            assessed(&[("OK", true, topic()), ("INSUFFICIENT_DATA", true, topic())]),
            Ok("good".to_owned())
        );
        assert_eq!(
            assessed(&[("OK", true, topic()), ("ALARM", true, topic())]),
            Err("in state ALARM: stack-1".to_owned())
        );
        assert_eq!(
            assessed(&[("OK", false, topic()), ("OK", true, json!([])), ("OK", true, topic())]),
            Err("without actions: stack-0, stack-1".to_owned())
        );
    }
}
