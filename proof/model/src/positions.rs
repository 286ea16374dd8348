//! Places in an inbox. The sort key of the group's message n is place n; message 0 opened the group.

use std::fmt;

/// A set of places, or of the messages at these places, each below 8.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Positions(u8);

impl Positions {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The places 0 to `newest`.
    #[must_use]
    pub fn up_to(newest: u8) -> Self {
        (0..=newest).fold(Self::NONE, Self::with)
    }

    /// The set with `position` added.
    #[must_use]
    pub fn with(self, position: u8) -> Self {
        Self(self.0 | 1 << position)
    }

    /// The set with `position` removed.
    #[must_use]
    pub fn without(self, position: u8) -> Self {
        Self(self.0 & !(1 << position))
    }

    /// The union with `others`.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// The difference from `others`.
    #[must_use]
    pub fn except(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    #[must_use]
    pub fn contains(self, position: u8) -> bool {
        self.0 & 1 << position != 0
    }

    #[must_use]
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The greatest position.
    #[must_use]
    pub fn newest(self) -> Option<u8> {
        self.iter().last()
    }

    /// The positions in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |position| self.contains(*position))
    }

    /// All subsets, including the empty one.
    pub fn subsets(self) -> impl Iterator<Item = Self> {
        (0..=self.0).filter(move |subset| subset & !self.0 == 0).map(Self)
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (number, position) in self.iter().enumerate() {
            if number > 0 {
                f.write_str(" and ")?;
            }
            write!(f, "{position}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
