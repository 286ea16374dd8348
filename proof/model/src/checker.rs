//! An explicit-state model checker, breadth-first over all reachable states.
//!
//! States are stored whole, not as hashes, so no collision can hide one. Breadth-first search makes the trace
//! to a violation as short as possible. The crate `stateright` cannot check that a state at rest
//! stays reachable.

use std::{
    fmt::{self, Debug, Display},
    hash::Hash,
};

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

/// A model: states, steps between them, and properties of every state.
pub trait Model {
    /// The complete state: possible steps depend on nothing else.
    type State: Clone + Eq + Hash;
    /// A property of every state.
    type Property: Copy + Debug + PartialEq;

    /// The initial state.
    fn initial(&self) -> Self::State;

    /// Adds every possible step from `state`.
    fn steps(&self, state: &Self::State, steps: &mut Steps<Self::State>);

    /// The properties that `state` violates.
    fn violations(&self, state: &Self::State) -> impl Iterator<Item = Self::Property>;

    /// Whether all work is done. Such a state must stay reachable.
    fn is_at_rest(&self, state: &Self::State) -> bool;
}

/// Collects the steps from one state.
#[derive(Debug)]
pub struct Steps<S> {
    found: Vec<(S, String)>,
    described: bool,
}

impl<S> Steps<S> {
    /// Adds a possible step: the next state and a description.
    pub fn add(&mut self, next: S, what: fmt::Arguments<'_>) {
        // Descriptions are formatted only for a printed trace.
        let what = if self.described { what.to_string() } else { String::new() };
        self.found.push((next, what));
    }
}

/// The result of an exploration.
#[derive(Clone, Debug)]
pub struct Report<P> {
    /// Number of distinct states.
    pub states: usize,
    /// Number of steps between them.
    pub transitions: usize,
    /// Number of steps to the farthest state, or to the violation.
    pub depth: usize,
    /// The violation that ended the exploration.
    pub violation: Option<Violation<P>>,
}

/// A violated property and the trace to it.
#[derive(Clone, Debug)]
pub struct Violation<P> {
    /// The violated property.
    pub broken: Broken<P>,
    /// Descriptions of the steps.
    pub trace: Vec<String>,
}

/// A property that can be violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken<P> {
    /// A property of the model.
    Property(P),
    /// No state at rest is reachable from the end of the trace.
    ComesToRest,
}

impl<P: Debug> Display for Violation<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.broken {
            Broken::Property(property) => writeln!(f, "{property:?} is violated:")?,
            Broken::ComesToRest => writeln!(f, "no state at rest is reachable:")?,
        }
        self.trace.iter().enumerate().try_for_each(|(number, step)| writeln!(f, "{:2}. {step}", number + 1))
    }
}

/// Explores `model`. Checks all properties, or `only` one, and that a state at rest stays reachable.
pub fn check<M: Model>(model: &M, only: Option<M::Property>) -> Report<M::Property> {
    let mut explored =
        Explored { states: IndexSet::from_iter([model.initial()]), parents: vec![0], successors: Vec::new() };
    let mut steps = Steps { found: Vec::new(), described: false };
    let mut current = 0;
    let broken = loop {
        let Some(state) = explored.states.get_index(current).cloned() else {
            let stuck = explored.first_stuck(|state| model.is_at_rest(state));
            break stuck.map(|at| (Broken::ComesToRest, at));
        };
        let is_checked = |property: &M::Property| only.is_none_or(|only| only == *property);
        if let Some(property) = model.violations(&state).find(is_checked) {
            break Some((Broken::Property(property), current));
        }
        model.steps(&state, &mut steps);
        let successors = steps.found.drain(..).map(|(next, _)| explored.reach(next, current)).collect();
        explored.successors.push(successors);
        current += 1;
    };
    // States are numbered in order of their distance from the initial state.
    let farthest = broken.map_or(explored.states.len() - 1, |(_, at)| at);
    let trace = explored.trace(model, farthest);
    Report {
        states: explored.states.len(),
        transitions: explored.successors.iter().map(Vec::len).sum(),
        depth: trace.len(),
        violation: broken.map(|(broken, _)| Violation { broken, trace }),
    }
}

/// The explored states, numbered in the order in which they were reached.
struct Explored<S> {
    states: IndexSet<S, FxBuildHasher>,
    /// The predecessor of each state; the initial state's is itself.
    parents: Vec<u32>,
    /// The successors of each state.
    successors: Vec<Vec<u32>>,
}

impl<S: Clone + Eq + Hash> Explored<S> {
    /// Adds a step from the state `from`, and returns the number of the next state.
    fn reach(&mut self, next: S, from: usize) -> u32 {
        let (next, is_new) = self.states.insert_full(next);
        if is_new {
            self.parents.push(number(from));
        }
        number(next)
    }

    /// The first state from which no state `at_rest` is reachable.
    fn first_stuck(&self, at_rest: impl Fn(&S) -> bool) -> Option<usize> {
        let mut can_rest = self.states.iter().map(at_rest).collect::<Vec<_>>();
        let mut changed = true;
        while changed {
            changed = false;
            // Most steps lead to greater numbers, so a descending pass settles almost all states at once.
            for (state, successors) in self.successors.iter().enumerate().rev() {
                if !can_rest[state] && successors.iter().any(|next| can_rest[*next as usize]) {
                    can_rest[state] = true;
                    changed = true;
                }
            }
        }
        can_rest.iter().position(|can_rest| !can_rest)
    }

    /// Descriptions of the steps to a state.
    fn trace<M: Model<State = S>>(&self, model: &M, mut state: usize) -> Vec<String> {
        let mut trace = Vec::new();
        while state != 0 {
            let parent = self.parents[state] as usize;
            let mut steps = Steps { found: Vec::new(), described: true };
            model.steps(&self.states[parent], &mut steps);
            let taken = steps.found.into_iter().find(|(next, _)| *next == self.states[state]);
            trace.extend(taken.map(|(_, what)| what));
            state = parent;
        }
        trace.reverse();
        trace
    }
}

/// A state's number as stored.
#[expect(clippy::expect_used, reason = "the memory is used up long before")]
fn number(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than 2^32 states fit into the memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up to 21 by one or two, and gets stuck at 13 if there is a hole.
    struct Counter {
        limit: u8,
        hole: bool,
    }

    impl Model for Counter {
        type State = u8;
        type Property = &'static str;

        fn initial(&self) -> u8 {
            0
        }

        fn steps(&self, state: &u8, steps: &mut Steps<u8>) {
            if *state == 13 && self.hole {
                steps.add(13, format_args!("stay"));
                return;
            }
            for by in [1, 2] {
                if *state < 20 {
                    steps.add(state + by, format_args!("{by} more than {state}"));
                }
            }
        }

        fn violations(&self, state: &u8) -> impl Iterator<Item = &'static str> {
            (*state > self.limit).then_some("within the limit").into_iter()
        }

        fn is_at_rest(&self, state: &u8) -> bool {
            *state >= 20
        }
    }

    #[test]
    fn a_violation_is_found_by_the_shortest_path() {
        let report = check(&Counter { limit: 20, hole: false }, None);
        let violation = report.violation.unwrap();
        assert_eq!(violation.broken, Broken::Property("within the limit"));
        assert_eq!((violation.trace.len(), report.depth), (11, 11));
        assert_eq!(violation.trace[9], "2 more than 17");
        assert_eq!(violation.trace[10], "2 more than 19");
    }

    #[test]
    fn every_state_and_step_is_counted() {
        let report = check(&Counter { limit: 20, hole: false }, Some("another property"));
        assert!(report.violation.is_none());
        // States 0 to 21, with two steps from each except 20 and 21.
        assert_eq!((report.states, report.transitions, report.depth), (22, 40, 11));
    }

    #[test]
    fn a_state_that_can_t_come_to_rest_is_found() {
        let violation = check(&Counter { limit: 21, hole: true }, None).violation.unwrap();
        assert_eq!(violation.broken, Broken::ComesToRest);
        assert_eq!(violation.trace.len(), 7);
    }
}
