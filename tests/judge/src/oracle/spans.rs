//! Sets of moments: sorted, disjoint stretches of true time, each from its first millisecond to the one after its last.

use crate::timeline::{Ms, Timeline};

/// A set of moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans(Vec<(Ms, Ms)>);

impl Spans {
    /// All of these, in any order, overlapping or not.
    pub(super) fn of(mut stretches: Vec<(Ms, Ms)>) -> Self {
        stretches.retain(|(from, to)| from < to);
        if !stretches.is_sorted_by_key(|(from, _)| *from) {
            stretches.sort_unstable_by_key(|(from, _)| *from);
        }
        let mut all: Vec<(Ms, Ms)> = Vec::with_capacity(stretches.len());
        for (from, to) in stretches {
            match all.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => all.push((from, to)),
            }
        }
        Self(all)
    }

    /// The moments before `end` at which what holds is as asked for.
    pub(super) fn of_timeline<T: Clone + PartialEq>(
        line: &Timeline<T>,
        end: Ms,
        holds: impl Fn(&T) -> bool,
    ) -> Self {
        Self::of(
            line.pieces(end).filter(|(_, _, what)| holds(what)).map(|(from, to, _)| (from, to)).collect(),
        )
    }

    /// Its stretches.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Ms, Ms)> {
        self.0.iter().copied()
    }

    /// The parts of it within `from` and `to`.
    pub(super) fn within(&self, from: Ms, to: Ms) -> impl Iterator<Item = (Ms, Ms)> {
        self.touching(from, to).map(move |(a, b)| (a.max(from), b.min(to)))
    }

    /// The whole stretches that have a part within `from` and `to`.
    pub(super) fn touching(&self, from: Ms, to: Ms) -> impl Iterator<Item = (Ms, Ms)> {
        let first = self.0.partition_point(|(_, end)| *end <= from);
        self.0[first..].iter().copied().take_while(move |(begin, _)| from < to && *begin < to)
    }

    /// The stretch that holds `t`.
    pub(super) fn around(&self, t: Ms) -> Option<(Ms, Ms)> {
        let first = self.0.partition_point(|(_, end)| *end <= t);
        self.0.get(first).copied().filter(|(from, _)| *from <= t)
    }

    /// `t` is in it.
    pub(super) fn has(&self, t: Ms) -> bool {
        self.around(t).is_some()
    }

    /// The first moment of it that is not before `t`.
    pub(super) fn next(&self, t: Ms) -> Option<Ms> {
        let first = self.0.partition_point(|(_, end)| *end <= t);
        self.0.get(first).map(|(from, _)| (*from).max(t))
    }

    /// The first stretch of it that begins after `t`.
    pub(super) fn next_beginning(&self, t: Ms) -> Option<(Ms, Ms)> {
        let first = self.0.partition_point(|(from, _)| *from <= t);
        self.0.get(first).copied()
    }

    /// The end of its last stretch.
    pub(super) fn end(&self) -> Option<Ms> {
        self.0.last().map(|(_, to)| *to)
    }

    /// In both.
    pub(super) fn and(&self, other: &Self) -> Self {
        let (mut mine, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(a), Some(b)) = (mine.peek(), theirs.peek()) {
            let (from, to) = (a.0.max(b.0), a.1.min(b.1));
            if from < to {
                both.push((from, to));
            }
            if a.1 <= b.1 {
                mine.next();
            } else {
                theirs.next();
            }
        }
        Self(both)
    }

    /// In either.
    pub(super) fn or(&self, other: &Self) -> Self {
        let mut all = self.0.clone();
        all.extend(&other.0);
        Self::of(all)
    }

    /// In this one only.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len());
        for &(from, to) in &self.0 {
            let mut at = from;
            for (a, b) in other.within(from, to) {
                if at < a {
                    left.push((at, a));
                }
                at = b;
            }
            if at < to {
                left.push((at, to));
            }
        }
        Self(left)
    }

    /// How many moments.
    pub(super) fn total(&self) -> Ms {
        self.0.iter().map(|(from, to)| to - from).sum()
    }

    /// How many of them are within `from` and `to`.
    pub(super) fn total_within(&self, from: Ms, to: Ms) -> Ms {
        self.within(from, to).map(|(a, b)| b - a).sum()
    }

    /// The moment at which so many of them have passed since `from`.
    pub(super) fn after(&self, from: Ms, so_many: Ms) -> Option<Ms> {
        let mut left = so_many;
        for (a, b) in self.within(from, Ms::MAX) {
            if b - a >= left {
                return Some(a + left);
            }
            left -= b - a;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_moments() {
        let a = Spans::of(vec![(20, 30), (0, 10), (28, 40)]);
        assert_eq!(a, Spans(vec![(0, 10), (20, 40)]));
        let b = Spans::of(vec![(5, 25)]);
        assert_eq!(a.and(&b), Spans(vec![(5, 10), (20, 25)]));
        assert_eq!(a.or(&b), Spans(vec![(0, 40)]));
        assert_eq!(a.without(&b), Spans(vec![(0, 5), (25, 40)]));
        assert_eq!((a.total(), a.total_within(5, 25)), (30, 10));
        assert_eq!((a.next(10), a.next(25), a.next(40)), (Some(20), Some(25), None));
        assert_eq!((a.around(39), a.around(40), a.next_beginning(0)), (Some((20, 40)), None, Some((20, 40))));
        assert_eq!((a.after(5, 5), a.after(5, 6), a.after(5, 26)), (Some(10), Some(21), None));
    }
}
