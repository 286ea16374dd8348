//! Places in an inbox. The sort key of the group's message number n is the place n; 0 opened the group.

use std::fmt;

/// A set of places (or of the messages whose places they are), each below 8.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Positions(u8);

impl Positions {
    /// No place.
    pub const NONE: Self = Self(0);

    /// The places from 0 to `newest`.
    #[must_use]
    pub fn up_to(newest: u8) -> Self {
        (0..=newest).fold(Self::NONE, Self::with)
    }

    /// These and `position`.
    #[must_use]
    pub fn with(self, position: u8) -> Self {
        Self(self.0 | 1 << position)
    }

    /// These without `position`.
    #[must_use]
    pub fn without(self, position: u8) -> Self {
        Self(self.0 & !(1 << position))
    }

    /// All that are in one of the two.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Those that are not among `others`.
    #[must_use]
    pub fn except(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether `position` is among them.
    #[must_use]
    pub fn contains(self, position: u8) -> bool {
        self.0 & 1 << position != 0
    }

    /// How many there are.
    #[must_use]
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The greatest.
    #[must_use]
    pub fn newest(self) -> Option<u8> {
        self.iter().last()
    }

    /// From the least on.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |position| self.contains(*position))
    }

    /// Every set of some of these, the empty one included.
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
