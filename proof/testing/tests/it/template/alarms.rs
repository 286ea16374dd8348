//! Alarms and the dashboard watch existing metrics, of functions that write them.

use std::collections::{BTreeMap, BTreeSet};

use cruddur::metrics::{Metric, NAMESPACE};
use local::deployment::FUNCTIONS;
use serde_json::Value;

use super::document::{binary, entries, functions, loops, references, resources, template, text, text_of};

/// The functions' metrics, and which functions write them.
fn writers(template: &Value) -> BTreeMap<String, BTreeSet<&str>> {
    let (with_token, _) = &loops(template)["RoutesWithToken"];
    let with_token = with_token.iter().map(|name| text_of(&template["Mappings"]["Routes"][name]["Function"]));
    let with_token = with_token.chain(["open-connection"]).collect();
    let with_table = functions(template).into_iter();
    let with_table = with_table
        .filter(|(_, function)| function["Environment"]["Variables"]["DDB_MESSAGE_TABLE"].is_null());
    let with_table = with_table.map(|(name, _)| name).collect();
    let all = FUNCTIONS.iter().map(|function| function.name).collect();
    let erase_accounts = ["erase-accounts"].into();
    let (create_message, stream_handler) = (["create-message"].into(), ["stream-handler"].into());
    let metrics: [(Metric, &BTreeSet<&str>); 27] = [
        (Metric::MessagesSent, &create_message),
        (Metric::MessagesReplayed, &create_message),
        (Metric::SendsLimited, &create_message),
        (Metric::SendsUncounted, &create_message),
        (Metric::GroupsCreated, &create_message),
        (Metric::MessagesReported, &["create-report"].into()),
        (Metric::AccountsErased, &erase_accounts),
        (Metric::ErasuresFailed, &erase_accounts),
        (Metric::ReportsDeleted, &erase_accounts),
        (Metric::RowsMoved, &stream_handler),
        (Metric::RowsChanged, &stream_handler),
        (Metric::RowsAlreadyThere, &stream_handler),
        (Metric::RowsLocated, &stream_handler),
        (Metric::GroupsNotMoved, &stream_handler),
        (Metric::RecordsSkipped, &stream_handler),
        (Metric::MoveDelay, &stream_handler),
        (Metric::EventsLogged, &stream_handler),
        (Metric::LogConflicts, &stream_handler),
        (Metric::Pushed, &stream_handler),
        (Metric::PushGone, &stream_handler),
        (Metric::PushDropped, &stream_handler),
        (Metric::PushDelay, &stream_handler),
        (Metric::UnknownKeys, &with_token),
        (Metric::UsersNotEntered, &["post-confirmation"].into()),
        (Metric::ColdStarts, &all),
        (Metric::ReadRequestUnits, &with_table),
        (Metric::WriteRequestUnits, &with_table),
    ];
    metrics.map(|(metric, functions)| (format!("{metric:?}"), functions.clone())).into()
}

/// Metrics that must have an alarm.
const ALARMED: [&str; 11] = [
    "ErasuresFailed",
    "GroupsNotMoved",
    "MessagesSent",
    "PushDelay",
    "PushDropped",
    "Pushed",
    "RecordsSkipped",
    "RowsAlreadyThere",
    "RowsMoved",
    "UnknownKeys",
    "UsersNotEntered",
];

/// The functions whose unknown keys have an alarm. Every page calls some of them.
const CALLED_BY_PAGES: [&str; 6] =
    ["create-message", "list-events", "list-message-groups", "list-messages", "open-connection", "show-me"];

/// A metric with its namespace; for a function's metric, the functions.
type Watched = BTreeMap<(String, String), BTreeSet<String>>;

fn watch(watched: &mut Watched, template: &Value, namespace: &str, metric: &str, function: Option<&str>) {
    let functions = watched.entry((namespace.to_owned(), metric.to_owned())).or_default();
    functions.extend(function.map(|id| binary(template, id).to_owned()));
}

/// Metrics of one alarm.
fn watched_by(template: &Value, alarm: &Value) -> Watched {
    let mut watched = Watched::new();
    let several = alarm["Metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
    let several =
        several.iter().map(|query| &query["MetricStat"]["Metric"]).filter(|metric| metric.is_object());
    let alone = Some(alarm).filter(|alarm| alarm["MetricName"].is_string());
    for metric in several.chain(alone) {
        let dimensions = metric["Dimensions"].as_array().unwrap();
        let function = dimensions.iter().find(|dimension| dimension["Name"] == "FunctionName");
        let function = function.map(|dimension| dimension["Value"]["Ref"].as_str().unwrap());
        let (namespace, name) =
            (metric["Namespace"].as_str().unwrap(), metric["MetricName"].as_str().unwrap());
        watch(&mut watched, template, namespace, name, function);
    }
    watched
}

/// Metrics of the dashboard. Its rows are `[namespace, metric, dimension, value, …, options]`, where `...`
/// repeats the start of the previous row.
fn watched_by_dashboard(template: &Value) -> Watched {
    let dashboard = &template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"];
    let mut body = text_of(&dashboard[0]).to_owned();
    for (name, part) in entries(&dashboard[1]) {
        // Conditional parts are shown.
        let part = part["Fn::If"].get(1).unwrap_or(part);
        body = body.replace(&format!("${{{name}}}"), text_of(&part["Fn::Sub"]));
    }
    let body: Value = serde_json::from_str(&body).unwrap();
    let mut watched = Watched::new();
    for widget in body["widgets"].as_array().unwrap() {
        let mut above: Vec<&str> = Vec::new();
        for row in widget["properties"]["metrics"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let row: Vec<_> = row.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            above = match row[..] {
                ["...", last] => above[..above.len() - 1].iter().copied().chain([last]).collect(),
                _ => row,
            };
            let function = above.iter().position(|part| *part == "FunctionName").map(|at| above[at + 1]);
            let function = function.map(|value| value.strip_prefix("${").unwrap().strip_suffix('}').unwrap());
            watch(&mut watched, template, above[0], above[1], function);
        }
    }
    watched
}

#[track_caller]
fn assert_functions_write(template: &Value, watched: &Watched, by: &str) {
    let known = writers(template);
    for ((namespace, metric), functions) in watched {
        if namespace != NAMESPACE {
            continue;
        }
        let writers = known
            .get(&**metric)
            .unwrap_or_else(|| panic!("{by} has the metric {metric}, which no function writes"));
        assert!(!functions.is_empty(), "{by}: {metric} without FunctionName");
        for function in functions {
            assert!(writers.contains(&&**function), "{by}: {function} does not write {metric}");
        }
    }
}

#[test]
fn each_metric_of_an_alarm_is_written_by_the_function_that_it_watches() {
    let template = template();
    let mut alarmed = Watched::new();
    for (id, alarm) in resources(&template, "AWS::CloudWatch::Alarm") {
        let watched = watched_by(&template, alarm);
        assert!(!watched.is_empty(), "{id} watches nothing");
        assert_functions_write(&template, &watched, id);
        for (metric, functions) in watched {
            alarmed.entry(metric).or_default().extend(functions);
        }
    }
    let known = writers(&template);
    for metric in ALARMED {
        let by = &alarmed[&(NAMESPACE.to_owned(), metric.to_owned())];
        let of_pages = CALLED_BY_PAGES.into();
        let expected = if metric == "UnknownKeys" { &of_pages } else { &known[metric] };
        assert!(by.iter().eq(expected), "{metric} of {by:?}");
    }
    let of_lambda = |metric: &str| &alarmed[&("AWS/Lambda".to_owned(), metric.to_owned())];
    assert!(of_lambda("Throttles").iter().eq(functions(&template).keys()));
    // The errors of the others are answers of the API, which api-5xx counts.
    let without_route = FUNCTIONS.iter().filter(|function| function.routes.is_empty());
    let without_route = without_route.map(|function| function.name).collect::<BTreeSet<_>>();
    assert!(of_lambda("Errors").iter().eq(&without_route));
}

#[test]
fn an_alarm_that_computes_uses_each_of_its_metrics_and_no_other() {
    let template = template();
    let mut computing = 0;
    for (id, alarm) in resources(&template, "AWS::CloudWatch::Alarm") {
        let queries = alarm["Metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(query) = queries.iter().find(|query| query["Expression"].is_string()) else { continue };
        let expression = query["Expression"].as_str().unwrap();
        // Functions and operators are in capitals.
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric());
        let used: BTreeSet<_> =
            words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase())).collect();
        let given = queries.iter().filter(|query| query["MetricStat"].is_object());
        let given: BTreeSet<_> = given.map(|query| query["Id"].as_str().unwrap()).collect();
        assert!(given.len() <= 10, "{id}: CloudWatch allows 10 metrics in an alarm");
        let expected = if expression.contains("METRICS()") { BTreeSet::new() } else { given };
        assert_eq!(used, expected, "{id}: {expression}");
        computing += 1;
    }
    assert!(computing > 1, "{computing}");
}

#[test]
fn each_alarm_has_a_description_and_a_notification() {
    let template = template();
    for (id, alarm) in resources(&template, "AWS::CloudWatch::Alarm") {
        let name = alarm["AlarmName"]["Fn::Sub"].as_str().unwrap();
        let name = name.strip_prefix("${AWS::StackName}-").unwrap_or_else(|| panic!("{id}: {name}"));
        let description = alarm["AlarmDescription"].as_str().unwrap();
        let (_, section) = description.rsplit_once(" docs/OPERATIONS.md#").unwrap();
        // Several alarms may share a section.
        let rest = name.strip_prefix(section).unwrap_or_else(|| panic!("{id}: {description}"));
        assert!(rest.is_empty() || rest.starts_with('-'), "{id}: {description}");
        assert!(description.len() > 80, "{id}: {description}");
        // Without traffic, most metrics have no data.
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{id}");
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(references(&alarm[actions]), BTreeSet::from(["AlarmTopic".to_owned()]), "{id}");
        }
    }
}

#[test]
fn the_dashboard_shows_each_alarm_and_metric() {
    let template = template();
    let watched = watched_by_dashboard(&template);
    assert_functions_write(&template, &watched, "the dashboard");
    let shown: BTreeSet<_> =
        watched.keys().filter(|(namespace, _)| namespace == NAMESPACE).map(|(_, metric)| &**metric).collect();
    // The units are DynamoDB's, including those of refused writes.
    let known = writers(&template);
    let expected = known.keys().map(String::as_str).filter(|metric| !metric.ends_with("RequestUnits"));
    assert_eq!(shown, expected.collect());
    for ((namespace, metric), by) in &watched {
        if namespace == "AWS/Lambda" && metric != "IteratorAge" {
            assert!(by.iter().eq(functions(&template).keys()), "{metric} of {by:?}");
        }
    }

    let of_dashboard = references(&template["Resources"]["Dashboard"]);
    let alarms =
        entries(&template["Resources"]).filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    for (id, _) in alarms {
        assert!(of_dashboard.contains(id), "{id} is not on the dashboard");
    }
}

#[test]
fn each_alarm_has_a_section_in_the_operations_guide() {
    let template = template();
    let guide = text("docs/OPERATIONS.md");
    let headings = guide.lines().filter(|line| line.starts_with('#'));
    // Anchors as GitHub makes them.
    let anchors: BTreeSet<_> = headings
        .map(|line| line.trim_start_matches('#').trim().replace('`', "").to_lowercase().replace(' ', "-"))
        .collect();
    for (id, alarm) in resources(&template, "AWS::CloudWatch::Alarm") {
        let (_, anchor) = alarm["AlarmDescription"].as_str().unwrap().rsplit_once('#').unwrap();
        assert!(anchors.contains(anchor), "{id}: docs/OPERATIONS.md has no section {anchor}");
    }
}
