//! The template's policies in front of an emulator, for one test.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use super::{Iam, Policy, Refusal};
use crate::Emulator;

/// The functions' policies of `template.yaml`, enforced by an emulator. On drop, the test fails if it has not
/// taken every refused call ([`Self::take_refusals`]), even if the function's response hides the refusal.
#[derive(Debug)]
pub struct Enforced(Arc<Mutex<Iam>>);

impl Enforced {
    /// Enforces the policies from now on. Ignores calls that name no function.
    #[must_use]
    pub fn on(emulator: &Emulator) -> Self {
        let iam = Arc::new(Mutex::new(Iam::of_template()));
        let judge = Arc::clone(&iam);
        emulator.authorize(move |call| {
            let judged = judge.lock().unwrap().judge(&call.user_agent, &call.operation, &call.request);
            judged.err().map(|refusal| (Refusal::STATUS, refusal.body()))
        });
        Self(iam)
    }

    /// Replaces the policy of `function`.
    pub fn enforce(&self, function: &str, policy: Policy) {
        self.0.lock().unwrap().enforce(function, policy);
    }

    /// Takes the refused calls.
    #[must_use]
    pub fn take_refusals(&self) -> Vec<Refusal> {
        self.0.lock().unwrap().take_refusals()
    }
}

impl Drop for Enforced {
    fn drop(&mut self) {
        let refusals = self.take_refusals();
        // A failing test already states its reason.
        assert!(thread::panicking() || refusals.is_empty(), "refused by template.yaml: {refusals:#?}");
    }
}
