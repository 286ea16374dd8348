//! Places in an inbox. The sort key of the group's message n is place n; message 0 opened the group.

use std::fmt;

/// A set of places, or of the messages at these places, each below 8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Positions(u8);

impl Positions {
    /// The empty set.
    pub(crate) const NONE: Self = Self(0);

    /// The places 0 to `newest`.
    pub(crate) fn up_to(newest: u8) -> Self {
        (0..=newest).fold(Self::NONE, Self::with)
    }

    /// The `count` lowest places.
    pub(crate) fn first(count: u8) -> Self {
        (0..count).fold(Self::NONE, Self::with)
    }

    /// The set with `position` added.
    pub(crate) fn with(self, position: u8) -> Self {
        Self(self.0 | 1 << position)
    }

    /// The set with `position` removed.
    pub(crate) fn without(self, position: u8) -> Self {
        Self(self.0 & !(1 << position))
    }

    /// The union with `others`.
    pub(crate) fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// The difference from `others`.
    pub(crate) fn except(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// The positions that meet a condition.
    pub(crate) fn filter(self, is_met: impl Fn(u8) -> bool) -> Self {
        self.iter().filter(|position| is_met(*position)).fold(Self::NONE, Self::with)
    }

    pub(crate) fn contains(self, position: u8) -> bool {
        self.0 & 1 << position != 0
    }

    pub(crate) fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The greatest position.
    pub(crate) fn newest(self) -> Option<u8> {
        self.iter().last()
    }

    /// The positions in ascending order.
    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |position| self.contains(*position))
    }

    /// All subsets, including the empty one.
    pub(crate) fn subsets(self) -> impl Iterator<Item = Self> {
        (0..=self.0).filter(move |subset| subset & !self.0 == 0).map(Self)
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        let positions = self.iter().map(|position| position.to_string()).collect::<Vec<_>>();
        f.write_str(&positions.join(" and "))
    }
}
