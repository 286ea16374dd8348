//! The performance targets, and whether a run meets them.

use crate::{
    functions::{GET_ITEM, HELLO_WORLD},
    growth::Grown,
    measure::Cost,
    report::{Measured, Report, keeps},
};

/// A target.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The measured quantity.
    pub what: &'static str,
    /// The target value.
    pub aim: &'static str,
    /// The worst measured value, with its function.
    pub measured: String,
    /// Whether the target is met.
    pub is_met: bool,
}

impl Report {
    /// All targets for which this run has figures.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        let mut aim = |what, aim, most: f64, worst: Option<(String, f64)>| {
            if let Some((of, worst)) = worst {
                let measured =
                    if of.is_empty() { format!("{worst:.3}") } else { format!("{worst:.3} ({of})") };
                targets.push(Target { what, aim, measured, is_met: worst <= most });
            }
        };
        let broken = self.of_functions(|function| {
            let kept = keeps(function.warm.as_ref()?, function.budget?);
            Some(f64::from(u8::from(!kept)))
        });
        aim(
            "request units and round trips that are not the contract's (design, section 9)",
            "0",
            0.0,
            broken,
        );
        let starts = self.of_functions(|function| Some(function.start?.times_the_least));
        aim("CPU until the first event / hello-world's", "at most 6", 6.0, starts);
        let firsts = self.of_functions(|function| {
            let least = function.firsts.first()?;
            Some(least.wall_ms / least.warm_ms)
        });
        aim("first invocation / a warm one, 128 MB", "at most 2", 2.0, firsts);
        let beyond = self.of_functions(|function| {
            let warm = function.warm?;
            function.is_route.then_some(warm.beyond_ms)
        });
        aim("warm CPU of a route beyond its calls, ms", "at most 0.15", 0.15, beyond);
        aim("zip, MB", "at most 4", 4.0, self.of_functions(|function| Some(function.size?.zip_mb)));
        let memory = self.of_functions(|function| Some(function.memory?.most_mb));
        aim("resident memory after many invocations, MB", "at most 30", 30.0, memory);
        let leak = self.of_functions(|function| Some(function.memory?.late_mb - function.memory?.early_mb));
        aim("… and its growth over the last nine tenths of them, MB", "at most 1", 1.0, leak);
        let grown = [&self.inboxes, &self.conversations];
        let growth = |of: fn(&Cost) -> f64| worst(grown.iter().flat_map(|grown| growth(grown, of)));
        let units = growth(|cost| cost.read_units + cost.write_units);
        aim("growth of request units with inboxes and conversations, %", "at most 5", 5.0, units);
        aim("growth of bytes", "at most 5", 5.0, growth(|cost| cost.bytes_in + cost.bytes_out));
        aim("growth of CPU", "at most 5", 5.0, growth(|cost| cost.cpu_ms));
        let token = self.token_ms.map(|token| (String::new(), token));
        aim("verification of a token, ms of CPU", "at most 0.1", 0.1, token);
        targets
    }

    /// The greatest value of the deployed functions.
    fn of_functions(&self, of: impl Fn(&Measured) -> Option<f64>) -> Option<(String, f64)> {
        let deployed =
            self.functions.iter().filter(|function| ![HELLO_WORLD, GET_ITEM].contains(&&*function.title));
        worst(deployed.filter_map(|function| Some((function.title.clone(), of(function)?))))
    }
}

fn worst(values: impl Iterator<Item = (String, f64)>) -> Option<(String, f64)> {
    values.max_by(|one, other| one.1.total_cmp(&other.1))
}

/// The growth from the smallest to the largest size in percent, by request.
fn growth(grown: &[Grown], of: fn(&Cost) -> f64) -> Vec<(String, f64)> {
    let least = grown.iter().map(|grown| grown.size).min();
    let most = grown.iter().map(|grown| grown.size).max();
    let at = |size: Option<u64>| grown.iter().filter(move |grown| Some(grown.size) == size);
    let pairs = at(least).zip(at(most)).filter(|_| least != most);
    pairs
        .map(|(small, large)| (large.title.clone(), (of(&large.cost) / of(&small.cost) - 1.0) * 100.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(size: u64, cpu_ms: f64) -> Grown {
        let cost = Cost {
            p50_ms: 1.0,
            p99_ms: 1.0,
            cpu_ms,
            calls: 1.0,
            read_units: 2.0,
            write_units: 0.0,
            bytes_out: 1.0,
            bytes_in: 1.0,
        };
        Grown { size, title: "list-messages".to_owned(), cost }
    }

    #[test]
    fn growth_is_from_the_smallest_to_the_largest() {
        let report = Report {
            inboxes: vec![grown(10, 1.0), grown(100, 3.0), grown(1_000, 1.04)],
            ..Report::default()
        };
        let targets = report.targets();
        let found = targets.iter().map(|target| (target.what, target.measured.as_str(), target.is_met));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [
                ("growth of request units with inboxes and conversations, %", "0.000 (list-messages)", true),
                ("growth of bytes", "0.000 (list-messages)", true),
                ("growth of CPU", "4.000 (list-messages)", true),
            ]
        );
    }

    #[test]
    fn what_is_above_is_not_met() {
        let report = Report { token_ms: Some(0.11), ..Report::default() };
        let [target] = &report.targets()[..] else { panic!("one target") };
        assert_eq!((target.measured.as_str(), target.is_met), ("0.110", false));
    }
}
