//! The template's policies in front of an emulator, for one test.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use super::{Iam, Policy, Refusal};
use crate::Emulator;

/// Policies that an emulator enforces: those of the functions in `template.yaml`. On drop, the test fails if a call was
/// refused that the test did not take out ([`Self::take_refusals`]), even where the function's response does not show it.
#[derive(Debug)]
pub struct Enforced(Arc<Mutex<Iam>>);

impl Enforced {
    /// Enforces the policies from now on. Calls that name no function are not judged.
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
        // A test that fails already says why.
        assert!(thread::panicking() || refusals.is_empty(), "refused by template.yaml: {refusals:#?}");
    }
}
