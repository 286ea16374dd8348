//! The WebSocket API: its routes, its address, and what its logs may contain.

use std::collections::{BTreeMap, BTreeSet};

use local::deployment::{WEBSOCKET_CONNECT, WEBSOCKET_ROUTES};
use serde_json::Value;

use super::document::{binary, entries, keys, loops, template, text_of};

/// The API's routes, by logical name.
fn routes(template: &Value) -> BTreeSet<&str> {
    let (names, _) = &loops(template)["Replies"];
    names.iter().copied().chain(["Connect"]).collect()
}

#[test]
fn the_template_has_the_routes_of_the_local_stack() {
    let template = template();
    let resource = |id: &str| &template["Resources"][id]["Properties"];
    assert_eq!(resource("SocketApi")["RouteSelectionExpression"], WEBSOCKET_ROUTES.selection_expression);
    assert_eq!(resource("ConnectRoute")["RouteKey"], "$connect");
    assert_eq!(resource("ConnectRoute")["Target"]["Fn::Sub"], "integrations/${ConnectIntegration}");
    assert_eq!(binary(&template, "OpenConnectionFunction"), WEBSOCKET_CONNECT);
    let replies = entries(&template["Mappings"]["Replies"]);
    let replies = replies.map(|(_, reply)| (text_of(&reply["Key"]), text_of(&reply["Frame"])));
    assert_eq!(replies.collect::<BTreeMap<_, _>>(), WEBSOCKET_ROUTES.answers.iter().copied().collect());
    // Only a route with a response answers at all.
    let (_, fragment) = &loops(&template)["Replies"];
    assert_eq!(fragment["${Reply}Route"]["Properties"]["RouteResponseSelectionExpression"], "$default");
    assert_eq!(fragment["${Reply}RouteResponse"]["Properties"]["RouteResponseKey"], "$default");
    assert_eq!(fragment["${Reply}Integration"]["Properties"]["IntegrationType"], "MOCK");
}

#[test]
fn each_route_has_its_limits_and_is_there_before_the_stage_is_deployed() {
    let template = template();
    let replies = &template["Mappings"]["Replies"];
    assert_eq!(loops(&template)["Replies"].0, keys(replies));
    let stage = &template["Resources"]["SocketStage"];
    let waits_for: BTreeSet<_> = stage["DependsOn"].as_array().unwrap().iter().map(text_of).collect();
    let with_route: BTreeSet<_> = routes(&template).into_iter().map(|name| format!("{name}Route")).collect();
    let responses = keys(replies).into_iter().flat_map(|name| {
        ["RouteResponse", "IntegrationResponse"].map(|response| format!("{name}{response}"))
    });
    let expected: BTreeSet<_> = with_route.into_iter().chain(responses).collect();
    assert_eq!(waits_for, expected.iter().map(String::as_str).collect());
    let limits = &stage["Properties"];
    let limited = entries(&limits["RouteSettings"]).map(|(_, limits)| limits);
    for limits in limited.chain([&limits["DefaultRouteSettings"]]) {
        for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
            assert!(limits[limit]["Ref"].is_string(), "{limits}");
        }
    }
}

/// A browser's token is in the header `Sec-WebSocket-Protocol`. API Gateway's execution logs and data traces contain
/// headers; an access log contains what its format names.
#[test]
fn no_log_of_api_gateway_contains_a_token() {
    let template = template();
    let settings = |stage: &str| template["Resources"][stage]["Properties"].clone();
    let sockets = settings("SocketStage");
    let of_routes = entries(&sockets["RouteSettings"]).map(|(_, settings)| settings);
    for settings in of_routes.chain([&sockets["DefaultRouteSettings"]]) {
        assert_eq!(settings["LoggingLevel"], "OFF", "{settings}");
        assert_eq!(settings["DataTraceEnabled"], false, "{settings}");
    }
    let [enabled, disabled] = [1, 2].map(|branch| &sockets["AccessLogSettings"]["Fn::If"][branch]);
    assert_eq!(disabled["Ref"], "AWS::NoValue");
    // Other variables contain parts of requests, such as paths, claims and addresses.
    let harmless = [
        "authorizer.error",
        "connectionId",
        "error.responseType",
        "eventType",
        "integration.requestId",
        "integrationErrorMessage",
        "integrationLatency",
        "integrationStatus",
        "requestId",
        "requestTime",
        "responseLatency",
        "responseLength",
        "routeKey",
        "status",
    ];
    for log in [enabled, &settings("ApiStage")["AccessLogSettings"]] {
        assert!(log["DestinationArn"]["Fn::GetAtt"].is_string(), "{log}");
        let variables: BTreeSet<_> = text_of(&log["Format"])
            .split('$')
            .skip(1)
            .map(|rest| rest.split_once('"').unwrap().0)
            .map(|variable| variable.strip_prefix("context.").unwrap_or_else(|| panic!("{variable}")))
            .collect();
        let unknown: Vec<_> = variables.difference(&harmless.into()).copied().collect();
        assert_eq!(unknown, Vec::<&str>::new());
        assert!(variables.contains("requestId") && variables.contains("status"), "{variables:?}");
    }
}

#[test]
fn the_stream_handler_may_post_to_and_close_connections_at_the_address_that_it_gets() {
    let template = template();
    let resource = |id: &str| &template["Resources"][id]["Properties"];
    let stage = text_of(&resource("SocketStage")["StageName"]);
    let url =
        &resource("StreamHandlerFunction")["Environment"]["Variables"]["WEBSOCKET_MANAGEMENT_URL"]["Fn::If"];
    assert_eq!(
        text_of(&url[1]["Fn::Sub"]),
        format!("https://${{SocketApi}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage}")
    );
    assert_eq!(url[2]["Ref"], "AWS::NoValue");
    // The default address has to work, with a domain too.
    assert!(resource("SocketApi")["DisableExecuteApiEndpoint"].is_null());
    let statements = resource("SocketPushes")["PolicyDocument"]["Statement"].as_array().unwrap();
    let allowed: Vec<_> = statements
        .iter()
        .flat_map(|statement| {
            assert_eq!(statement["Action"], "execute-api:ManageConnections");
            statement["Resource"].as_array().unwrap().iter().map(|resource| text_of(&resource["Fn::Sub"]))
        })
        .collect();
    let api = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${SocketApi}";
    assert_eq!(allowed, ["POST", "DELETE"].map(|method| format!("{api}/{stage}/{method}/@connections/*")));
    let boundary = resource("FunctionBoundary")["PolicyDocument"]["Statement"].as_array().unwrap();
    let of_sockets =
        boundary.iter().map(|statement| &statement["Fn::If"]).find(|part| part[0] == "HasSockets");
    assert_eq!(of_sockets.unwrap()[1]["Resource"], statements[0]["Resource"]);
    let policies = resource("StreamHandlerFunction")["Policies"].as_array().unwrap();
    assert!(policies.iter().any(|policy| policy["Fn::If"][1]["Ref"] == "SocketPushes"));
}

#[test]
fn the_urls_of_the_outputs_name_the_stage() {
    let template = template();
    let stage = text_of(&template["Resources"]["SocketStage"]["Properties"]["StageName"]);
    let url = format!("wss://${{SocketApi}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage}");
    assert_eq!(text_of(&template["Outputs"]["WebSocketUrl"]["Value"]["Fn::If"][2]["Fn::Sub"]), url);
    for branch in [1, 2] {
        let config = &template["Outputs"]["FrontEndConfig"]["Value"]["Fn::If"][branch]["Fn::Sub"];
        let [with_domain, without] = [1, 2].map(|branch| &config[1]["Socket"]["Fn::If"][branch]);
        assert_eq!(text_of(&with_domain["Fn::Sub"]), r#""websocket_url": "wss://${WebSocketDomainName}","#);
        assert_eq!(text_of(&without["Fn::If"][1]["Fn::Sub"]), format!(r#""websocket_url": "{url}","#));
        assert_eq!(without["Fn::If"][2], "");
    }
}
