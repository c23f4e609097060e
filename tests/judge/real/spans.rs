//! Sets of moments, as sorted stretches.

use crate::world::Ms;

/// Disjoint, sorted, none empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(Vec<(Ms, Ms)>);

impl Spans {
    pub(crate) fn of(mut all: Vec<(Ms, Ms)>) -> Self {
        all.retain(|(from, to)| from < to);
        all.sort_unstable();
        let mut spans: Vec<(Ms, Ms)> = Vec::new();
        for (from, to) in all {
            match spans.last_mut() {
                Some((_, end)) if *end >= from => *end = to.max(*end),
                _ => spans.push((from, to)),
            }
        }
        Self(spans)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ms, Ms)> {
        self.0.iter().copied()
    }

    pub(crate) fn or(&self, other: &Self) -> Self {
        Self::of(self.iter().chain(other.iter()).collect())
    }

    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut left = self.0.clone();
        for (from, to) in other.iter() {
            left = left
                .into_iter()
                .flat_map(|(a, b)| [(a, b.min(from)), (a.max(to), b)])
                .filter(|(a, b)| a < b)
                .collect();
        }
        Self::of(left)
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        self.without(&self.without(other))
    }

    pub(crate) fn total(&self) -> Ms {
        self.iter().map(|(from, to)| to - from).sum()
    }
}
