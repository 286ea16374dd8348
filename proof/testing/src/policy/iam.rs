//! IAM in front of DynamoDB: the function that makes a call, and whether its policy allows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Access, Decision, Policy, accesses, template};

/// The functions' policies and the refusals so far.
#[derive(Debug, Default)]
pub struct Iam {
    policies: BTreeMap<String, Policy>,
    endpoints: Vec<Policy>,
    judged: BTreeSet<String>,
    refusals: Vec<Refusal>,
}

/// A call that its function's policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The calling function.
    pub function: String,
    /// The operation, such as `PutItem`.
    pub operation: String,
    /// AWS's message to the function, or the part of the call that is not understood.
    pub message: String,
}

impl Iam {
    /// Uses the policies of `template.yaml`, for functions in a VPC, whose calls go through its endpoint.
    #[must_use]
    pub fn of_template() -> Self {
        let template = template();
        let (policies, endpoints) = (template.functions.clone(), template.endpoints.clone());
        Self { policies, endpoints, ..Self::default() }
    }

    /// Evaluates the calls of `function` by `policy` from now on.
    pub fn enforce(&mut self, function: &str, policy: Policy) {
        self.policies.insert(function.to_owned(), policy);
    }

    /// Functions with evaluated calls.
    #[must_use]
    pub fn judged(&self) -> &BTreeSet<String> {
        &self.judged
    }

    /// Takes the refused calls.
    pub fn take_refusals(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.refusals)
    }

    /// Evaluates a call. `user_agent` (the header `x-amz-user-agent`) identifies the function: the SDK puts
    /// the application name there (`local::deployment::sdk_of`). A call without a name comes from a test,
    /// seed or command and is not evaluated. A function without a policy may do nothing.
    pub fn judge(&mut self, user_agent: &str, operation: &str, request: &Value) -> Result<(), Refusal> {
        let caller = user_agent.split_ascii_whitespace().find_map(|part| part.strip_prefix("app/"));
        let Some(function) = caller else { return Ok(()) };
        self.judged.insert(function.to_owned());
        let Some(message) = self.objection(function, operation, request) else { return Ok(()) };
        let refusal = Refusal { function: function.to_owned(), operation: operation.to_owned(), message };
        self.refusals.push(refusal.clone());
        Err(refusal)
    }

    fn objection(&self, function: &str, operation: &str, request: &Value) -> Option<String> {
        let nothing = Policy::default();
        let policy = self.policies.get(function).unwrap_or(&nothing);
        let accesses = match accesses(operation, request) {
            Ok(accesses) => accesses,
            Err(error) => return Some(format!("what IAM sees of this call is not known: {error:#}")),
        };
        let user = format!("User: arn:aws:sts::123456789012:assumed-role/{function}");
        accesses.iter().find_map(|access| {
            let of_function = objection_of(policy, "identity-based policy", access);
            let of_endpoint = |endpoint| objection_of(endpoint, "VPC endpoint policy", access);
            let because = of_function.or_else(|| self.endpoints.iter().find_map(of_endpoint))?;
            let Access { action, resource, .. } = access;
            Some(format!("{user} is not authorized to perform: {action} on resource: {resource} {because}"))
        })
    }
}

/// The end of AWS's message.
fn objection_of(policy: &Policy, kind: &str, access: &Access) -> Option<String> {
    match policy.decide(access) {
        Decision::Allowed => None,
        Decision::NotAllowed => Some(format!("because no {kind} allows the {} action", access.action)),
        Decision::Denied => Some(format!("with an explicit deny in the {kind}")),
    }
}

impl Refusal {
    /// Status of AWS's response.
    pub const STATUS: u16 = 400;

    /// Body of AWS's response.
    #[must_use]
    pub fn body(&self) -> String {
        json!({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": self.message})
            .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: &str = "aws-sdk-rust/1.3.14 os/linux app/reader";

    fn iam() -> Iam {
        let document = json!({"Statement": {"Effect": "Allow", "Action": "dynamodb:Scan", "Resource": "*"}});
        let mut iam = Iam::default();
        iam.enforce("reader", Policy::from_documents([&document]).unwrap());
        iam
    }

    #[test]
    fn a_call_is_judged_by_the_policy_of_the_function_that_its_user_agent_names() {
        let (mut iam, request) = (iam(), json!({"TableName": "t"}));
        assert_eq!(iam.judge(READER, "Scan", &request), Ok(()));
        let refusal = iam.judge("app/writer aws-sdk-rust/1.3.14", "Scan", &request).unwrap_err();
        assert_eq!(
            refusal.message,
            "User: arn:aws:sts::123456789012:assumed-role/writer is not authorized to perform: dynamodb:Scan \
             on resource: arn:aws:dynamodb:eu-central-1:123456789012:table/t because no identity-based policy \
             allows the dynamodb:Scan action"
        );
        assert_eq!(iam.judge("aws-sdk-rust/1.3.14", "DeleteTable", &request), Ok(()));
        assert_eq!(iam.judged().iter().collect::<Vec<_>>(), ["reader", "writer"]);
        assert_eq!(iam.take_refusals(), [refusal]);
        assert_eq!(iam.take_refusals(), []);
    }

    #[test]
    fn an_endpoint_has_to_allow_a_call_too() {
        let mut iam = iam();
        let statement = json!({"Effect": "Allow", "Action": "dynamodb:Scan", "Resource": "*/t"});
        iam.endpoints.push(Policy::from_documents([&json!({"Statement": statement})]).unwrap());
        assert_eq!(iam.judge(READER, "Scan", &json!({"TableName": "t"})), Ok(()));
        let refusal = iam.judge(READER, "Scan", &json!({"TableName": "u"})).unwrap_err();
        let end = refusal.message.split_once("table/u ").unwrap().1;
        assert_eq!(end, "because no VPC endpoint policy allows the dynamodb:Scan action");
    }

    #[test]
    fn a_call_that_is_not_understood_is_refused() {
        let refusal = iam().judge(READER, "Query", &json!({"TableName": "t"})).unwrap_err();
        assert_eq!(
            refusal.message,
            "what IAM sees of this call is not known: a query without a key condition"
        );
    }
}
