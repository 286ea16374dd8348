//! The template's policies in front of an emulator, for one test.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    thread,
};

use dynamodb_fake::{Call, Emulator};
use serde_json::json;

use super::{Access, Policy, accesses, template};

/// The functions' policies of `template.yaml`, enforced by an emulator. On drop, the test fails if it has not
/// taken every refused call ([`Self::take_refusals`]), even if the function's response hides the refusal.
#[derive(Debug)]
pub struct Enforced(Arc<Mutex<Iam>>);

/// A call that its function's policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The calling function.
    pub function: String,
    /// The operation, such as `PutItem`.
    pub operation: String,
    /// AWS's message to the function, or the reason why the call is not supported.
    pub message: String,
}

#[derive(Debug)]
struct Iam {
    policies: BTreeMap<String, Policy>,
    refusals: Vec<Refusal>,
}

impl Enforced {
    /// Enforces the policies from now on, for functions in a VPC, whose calls go through its endpoint.
    ///
    /// The user agent of a call names its function (`local::deployment::sdk_of`). A call without a name comes from a
    /// test, seed or command and is not evaluated. A function without a policy may do nothing.
    #[must_use]
    pub fn on(emulator: &Emulator) -> Self {
        let iam = Iam { policies: template().functions.clone(), refusals: Vec::new() };
        let iam = Arc::new(Mutex::new(iam));
        let enforced = Self(Arc::clone(&iam));
        emulator.authorize(move |call| {
            if call.caller().is_empty() {
                return None;
            }
            let mut iam = iam.lock().unwrap();
            let message = iam.objection(call)?;
            let body =
                json!({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": message});
            let (function, operation) = (call.caller().to_owned(), call.operation.clone());
            iam.refusals.push(Refusal { function, operation, message });
            Some((400, body.to_string()))
        });
        enforced
    }

    /// Replaces the policy of `function`.
    pub fn enforce(&self, function: &str, policy: Policy) {
        self.0.lock().unwrap().policies.insert(function.to_owned(), policy);
    }

    /// Takes the refused calls.
    #[must_use]
    pub fn take_refusals(&self) -> Vec<Refusal> {
        std::mem::take(&mut self.0.lock().unwrap().refusals)
    }
}

impl Drop for Enforced {
    fn drop(&mut self) {
        let refusals = self.take_refusals();
        // A failing test already states its reason.
        assert!(thread::panicking() || refusals.is_empty(), "refused by template.yaml: {refusals:#?}");
    }
}

impl Iam {
    /// AWS's message if the call is not allowed.
    fn objection(&self, call: &Call) -> Option<String> {
        let accesses = match accesses(&call.operation, &call.request) {
            Ok(accesses) => accesses,
            Err(error) => return Some(format!("unsupported call: {error:#}")),
        };
        let allowed_by =
            |policy: Option<&Policy>, access: &Access| policy.is_some_and(|one| one.allows(access));
        accesses.iter().find_map(|access| {
            let kind = if !allowed_by(self.policies.get(call.caller()), access) {
                "identity-based policy"
            } else if !allowed_by(Some(&template().endpoint), access) {
                "VPC endpoint policy"
            } else {
                return None;
            };
            let user = format!("arn:aws:sts::123456789012:assumed-role/{}", call.caller());
            let Access { action, resource, .. } = access;
            Some(format!(
                "User: {user} is not authorized to perform: {action} on resource: {resource} because no {kind} \
                 allows the {action} action"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::world::TABLE;

    fn objection(user_agent: &str, operation: &str, request: Value) -> Option<String> {
        let document = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Scan"], "Resource": "*"}],
        });
        let policies = BTreeMap::from([("reader".to_owned(), Policy::parse(&document).unwrap())]);
        let (operation, user_agent) = (operation.to_owned(), user_agent.to_owned());
        Iam { policies, refusals: vec![] }.objection(&Call { operation, user_agent, request, answer: None })
    }

    #[test]
    fn a_call_is_judged_by_the_policy_of_the_function_in_its_user_agent() {
        let request = || json!({"TableName": TABLE, "Key": {"pk": {"S": "A#1"}}});
        assert_eq!(objection("aws-sdk-rust/1.3.14 os/linux app/reader", "GetItem", request()), None);
        let message = objection("aws-sdk-rust/1.3.14 os/linux app/writer", "GetItem", request()).unwrap();
        assert_eq!(
            message,
            "User: arn:aws:sts::123456789012:assumed-role/writer is not authorized to perform: dynamodb:GetItem \
             on resource: arn:aws:dynamodb:eu-central-1:123456789012:table/cruddur-messages because no \
             identity-based policy allows the dynamodb:GetItem action"
        );
    }

    #[test]
    fn the_endpoint_must_allow_a_call_too() {
        let message = objection("app/reader", "Scan", json!({"TableName": TABLE})).unwrap();
        assert!(
            message.ends_with("because no VPC endpoint policy allows the dynamodb:Scan action"),
            "{message}"
        );
    }

    #[test]
    fn an_unsupported_call_is_refused() {
        let message = objection("app/reader", "Query", json!({"TableName": TABLE})).unwrap();
        assert_eq!(message, "unsupported call: a query without a key condition");
    }
}
