//! An explicit-state model checker: breadth first through every state that can be reached.
//!
//! States are kept whole rather than as hashes, so that no collision can hide one. Breadth first, so that the trace
//! to a violation is as short as any.

use std::{
    fmt::{self, Debug, Display},
    hash::Hash,
};

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

/// What is checked: states, the steps between them, and what must hold in each.
pub trait Model {
    /// Everything that the further course depends on.
    type State: Clone + Eq + Hash;
    /// What must hold in every state.
    type Property: Copy + Debug + PartialEq + 'static;

    /// All properties.
    const PROPERTIES: &'static [Self::Property];

    /// Where it begins.
    fn initial(&self) -> Self::State;

    /// Every step that is possible in `state`.
    fn steps(&self, state: &Self::State, steps: &mut Steps<Self::State>);

    /// Whether `property` holds in `state`.
    fn holds(&self, property: Self::Property, state: &Self::State) -> bool;

    /// Whether all work is done. Such a state has to stay in reach whatever happens.
    fn is_at_rest(&self, state: &Self::State) -> bool;
}

/// Collects the steps out of one state.
#[derive(Debug)]
pub struct Steps<S> {
    found: Vec<(S, String)>,
    described: bool,
}

impl<S> Steps<S> {
    /// One possible step: the state it leads to, and what happens in it.
    pub fn add(&mut self, next: S, what: fmt::Arguments<'_>) {
        // Words are made only for a trace that is shown.
        let what = if self.described { what.to_string() } else { String::new() };
        self.found.push((next, what));
    }
}

/// What was explored.
#[derive(Clone, Debug)]
pub struct Report<P> {
    /// Distinct states.
    pub states: usize,
    /// Steps between them.
    pub transitions: usize,
    /// Steps to the farthest state, or to the violation.
    pub depth: usize,
    /// What went wrong; the exploration ends there.
    pub violation: Option<Violation<P>>,
}

/// A property that does not hold, and the way there.
#[derive(Clone, Debug)]
pub struct Violation<P> {
    /// Which one.
    pub broken: Broken<P>,
    /// What happened, step by step.
    pub trace: Vec<String>,
}

/// What can be violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken<P> {
    /// One of the model's properties.
    Property(P),
    /// From the state at the end of the trace, no state at rest can be reached.
    ComesToRest,
}

impl<P: Debug> Display for Violation<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.broken {
            Broken::Property(property) => writeln!(f, "{property:?} is violated:")?,
            Broken::ComesToRest => writeln!(f, "it can't come to rest any more:")?,
        }
        self.trace.iter().enumerate().try_for_each(|(number, step)| writeln!(f, "{:2}. {step}", number + 1))
    }
}

/// Explores all of `model` and holds it against all of its properties.
pub fn check<M: Model>(model: &M) -> Report<M::Property> {
    check_only(model, M::PROPERTIES)
}

/// Explores `model` and holds it against `properties` alone, and against "a state at rest stays in reach".
pub fn check_only<M: Model>(model: &M, properties: &[M::Property]) -> Report<M::Property> {
    let mut explored = Explored::from(model.initial());
    let mut steps = Steps { found: Vec::new(), described: false };
    let mut current = 0;
    let broken = loop {
        let Some(state) = explored.states.get_index(current).cloned() else {
            let stuck = explored.first_stuck(|state| model.is_at_rest(state));
            break stuck.map(|at| (Broken::ComesToRest, at));
        };
        if let Some(property) = properties.iter().find(|property| !model.holds(**property, &state)) {
            break Some((Broken::Property(*property), current));
        }
        model.steps(&state, &mut steps);
        for (next, _) in steps.found.drain(..) {
            explored.reach(next, current);
        }
        explored.ends.push(explored.transitions.len());
        current += 1;
    };
    // A state's number grows with its distance from the first.
    let farthest = broken.map_or(explored.states.len() - 1, |(_, at)| at);
    Report {
        states: explored.states.len(),
        transitions: explored.transitions.len(),
        depth: explored.way_to(farthest).len() - 1,
        violation: broken.map(|(broken, at)| Violation { broken, trace: explored.trace(model, at) }),
    }
}

/// States are known by their number, in the order in which they were reached.
struct Explored<S> {
    states: IndexSet<S, FxBuildHasher>,
    /// For each state the one it was first reached from; for the first one itself.
    parents: Vec<u32>,
    /// Where the steps lead to, state by state.
    transitions: Vec<u32>,
    /// For each state, where its part of `transitions` ends.
    ends: Vec<usize>,
}

impl<S: Clone + Eq + Hash> From<S> for Explored<S> {
    fn from(initial: S) -> Self {
        Self {
            states: IndexSet::from_iter([initial]),
            parents: vec![0],
            transitions: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl<S: Clone + Eq + Hash> Explored<S> {
    fn reach(&mut self, next: S, from: usize) {
        let (next, is_new) = self.states.insert_full(next);
        self.transitions.push(number(next));
        if is_new {
            self.parents.push(number(from));
        }
    }

    /// The first state, if any, from which none `at_rest` can be reached.
    fn first_stuck(&self, at_rest: impl Fn(&S) -> bool) -> Option<usize> {
        let mut can_rest = self.states.iter().map(at_rest).collect::<Vec<_>>();
        let mut changed = true;
        while changed {
            changed = false;
            // Most steps lead to greater numbers, so that going down settles almost all in one round.
            for state in (0..can_rest.len()).rev() {
                let start = state.checked_sub(1).map_or(0, |before| self.ends[before]);
                let mut next = self.transitions[start..self.ends[state]].iter();
                if !can_rest[state] && next.any(|next| can_rest[*next as usize]) {
                    can_rest[state] = true;
                    changed = true;
                }
            }
        }
        can_rest.iter().position(|can_rest| !can_rest)
    }

    /// The numbers of the states on the way to one, from the first on.
    fn way_to(&self, state: usize) -> Vec<usize> {
        let mut way = vec![state];
        let mut last = state;
        while last != 0 {
            last = self.parents[last] as usize;
            way.push(last);
        }
        way.reverse();
        way
    }

    /// What happens on the way to a state.
    fn trace<M: Model<State = S>>(&self, model: &M, state: usize) -> Vec<String> {
        let way = self.way_to(state);
        way.windows(2)
            .map(|step| {
                let mut steps = Steps { found: Vec::new(), described: true };
                model.steps(&self.states[step[0]], &mut steps);
                let taken = steps.found.into_iter().find(|(next, _)| *next == self.states[step[1]]);
                taken.map(|(_, what)| what).unwrap_or_default()
            })
            .collect()
    }
}

/// A state's number, as it is stored.
#[expect(clippy::expect_used, reason = "the memory is used up long before")]
fn number(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than 2^32 states fit into the memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up by one or two, and falls into a hole at 13 when there is one.
    struct Counter {
        hole: bool,
    }

    impl Model for Counter {
        type State = u8;
        type Property = &'static str;

        const PROPERTIES: &'static [&'static str] = &["at most 20"];

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

        fn holds(&self, _: &'static str, state: &u8) -> bool {
            *state <= 20
        }

        fn is_at_rest(&self, state: &u8) -> bool {
            *state >= 20
        }
    }

    #[test]
    fn a_violation_is_found_on_the_shortest_way() {
        let report = check(&Counter { hole: false });
        let violation = report.violation.unwrap();
        assert_eq!(violation.broken, Broken::Property("at most 20"));
        assert_eq!((violation.trace.len(), report.depth), (11, 11));
        assert_eq!(violation.trace[9], "2 more than 17");
        assert_eq!(violation.trace[10], "2 more than 19");
    }

    #[test]
    fn every_state_and_step_is_counted() {
        let report = check_only(&Counter { hole: false }, &[]);
        assert!(report.violation.is_none());
        // 0 to 21, with two steps out of each but 20 and 21.
        assert_eq!((report.states, report.transitions, report.depth), (22, 40, 11));
    }

    #[test]
    fn a_state_that_can_t_come_to_rest_is_found() {
        let violation = check_only(&Counter { hole: true }, &[]).violation.unwrap();
        assert_eq!(violation.broken, Broken::ComesToRest);
        assert_eq!(violation.trace.len(), 7);
    }
}
