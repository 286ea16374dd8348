//! The template's policies in front of an emulator, for one test.

use std::thread;

use super::Iam;
use crate::emulator::Emulator;

/// Has an emulator judge each function's calls by the function's policy in `template.yaml`. When this goes, the
/// test fails if a call was refused that the test did not take out ([`Emulator::take_refusals`]), also where the
/// function's answer shows nothing of it.
#[derive(Debug)]
pub struct Enforced(Emulator);

impl Enforced {
    /// From now on.
    #[must_use]
    pub fn on(emulator: &Emulator) -> Self {
        emulator.put_behind(Iam::of_template());
        Self(emulator.clone())
    }
}

impl Drop for Enforced {
    fn drop(&mut self) {
        let refusals = self.0.take_refusals();
        // A test that fails already says why.
        assert!(thread::panicking() || refusals.is_empty(), "refused by template.yaml: {refusals:#?}");
    }
}
