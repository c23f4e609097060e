//! Piecewise constant functions of true time.

/// Milliseconds of true time since a world began.
pub type Ms = u64;

/// What holds from when on: the first piece begins at 0, each later one at its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline<T>(Vec<(Ms, T)>);

impl<T: Clone + PartialEq> Timeline<T> {
    /// Always the same.
    #[must_use]
    pub fn always(value: T) -> Self {
        Self(vec![(0, value)])
    }

    /// From `from` to `to` (exclusive) this instead, whatever was there.
    #[must_use]
    pub fn with(mut self, from: Ms, to: Ms, value: T) -> Self {
        if from >= to {
            return self;
        }
        let after = self.at(to).clone();
        self.0.retain(|(at, _)| *at < from || *at > to);
        self.0.push((from, value));
        if !self.0.iter().any(|(at, _)| *at == to) {
            self.0.push((to, after));
        }
        self.0.sort_by_key(|(at, _)| *at);
        self.0.dedup_by(|later, earlier| later.1 == earlier.1);
        self
    }

    /// From `from` on this, for good.
    #[must_use]
    pub fn then(self, from: Ms, value: T) -> Self {
        self.with(from, Ms::MAX, value)
    }

    /// In each of these spells (from, to; in order, apart from each other) what `change` makes of what was there.
    #[must_use]
    pub fn changed(&self, spells: &[(Ms, Ms)], change: impl Fn(usize, &T) -> T) -> Self {
        let mut line: Vec<(Ms, T)> = Vec::with_capacity(self.0.len() + spells.len() * 2);
        let mut first = 0;
        for (begins, ends, value) in self.pieces(Ms::MAX) {
            let mut at = begins;
            while let Some((from, to)) = spells.get(first) {
                if *from >= ends {
                    break;
                }
                if at < *from {
                    line.push((at, value.clone()));
                }
                at = at.max(*from);
                if at < (*to).min(ends) {
                    line.push((at, change(first, value)));
                    at = (*to).min(ends);
                }
                if *to > ends {
                    break;
                }
                first += 1;
            }
            if at < ends {
                line.push((at, value.clone()));
            }
        }
        line.dedup_by(|later, earlier| later.1 == earlier.1);
        Self(line)
    }

    /// What holds at `t`.
    #[must_use]
    pub fn at(&self, t: Ms) -> &T {
        let after = self.0.partition_point(|(at, _)| *at <= t);
        &self.0[after.saturating_sub(1)].1
    }

    /// When it changes next after `t`; `Ms::MAX`: never.
    #[must_use]
    pub fn next_change(&self, t: Ms) -> Ms {
        let after = self.0.partition_point(|(at, _)| *at <= t);
        self.0.get(after).map_or(Ms::MAX, |(at, _)| *at)
    }

    /// Each piece that begins before `end`: from when, to when (at most `end`), what.
    pub fn pieces(&self, end: Ms) -> impl Iterator<Item = (Ms, Ms, &T)> {
        self.0.iter().enumerate().filter(move |(_, (at, _))| *at < end).map(move |(index, (at, value))| {
            let to = self.0.get(index + 1).map_or(end, |(next, _)| (*next).min(end));
            (*at, to, value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_laid_over_what_was_there() {
        let line = Timeline::always('a').with(10, 20, 'b').with(15, 30, 'c').then(40, 'd');
        let pieces: Vec<_> = line.pieces(50).map(|(from, to, what)| (from, to, *what)).collect();
        assert_eq!(pieces, [(0, 10, 'a'), (10, 15, 'b'), (15, 30, 'c'), (30, 40, 'a'), (40, 50, 'd')]);
        assert_eq!((*line.at(14), *line.at(15), *line.at(29), *line.at(30)), ('b', 'c', 'c', 'a'));
        assert_eq!((line.next_change(15), line.next_change(40)), (30, Ms::MAX));
    }

    #[test]
    fn a_change_keeps_what_it_does_not_touch() {
        let pieces = |line: &Timeline<char>| -> Vec<_> {
            line.pieces(50).map(|(from, to, what)| (from, to, *what)).collect()
        };
        let line =
            Timeline::always('a').with(10, 20, 'b').changed(&[(5, 15)], |_, was| was.to_ascii_uppercase());
        assert_eq!(pieces(&line), [(0, 5, 'a'), (5, 10, 'A'), (10, 15, 'B'), (15, 20, 'b'), (20, 50, 'a')]);
        let line = line.changed(&[(0, 1), (6, 6), (15, Ms::MAX)], |spell, _| ['x', 'y', 'z'][spell]);
        assert_eq!(pieces(&line), [(0, 1, 'x'), (1, 5, 'a'), (5, 10, 'A'), (10, 15, 'B'), (15, 50, 'z')]);
        let line =
            Timeline::always('a').changed(&[(1, 2), (2, 4), (7, 60)], |spell, _| ['x', 'y', 'z'][spell]);
        assert_eq!(pieces(&line), [(0, 1, 'a'), (1, 2, 'x'), (2, 4, 'y'), (4, 7, 'a'), (7, 50, 'z')]);
    }
}
