//! A set of addresses, held as the runs of consecutive ones.
//!
//! It answers "which is the next address that is not in the set?" in one look-up, however many addresses
//! the set holds and however large the range is: the cost grows with the logarithm of the number of runs.

use std::collections::BTreeMap;

/// A set of numbers, held as runs: no two of them touch or overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// First number of each run → its last.
    runs: BTreeMap<u128, u128>,
}

impl Runs {
    /// The set of blocks that do not overlap, each by its first and last number and in their order. Far cheaper
    /// than adding them one by one.
    #[must_use]
    pub fn of_sorted(blocks: Vec<(u128, u128)>) -> Self {
        let mut runs = blocks;
        runs.dedup_by(|next, run| {
            let touches = run.1.checked_add(1) == Some(next.0);
            if touches {
                run.1 = next.1;
            }
            touches
        });
        Self {
            runs: runs.into_iter().collect(),
        }
    }

    /// Adds all numbers from `first` to `last`, those that are in the set already included.
    pub fn insert(&mut self, mut first: u128, mut last: u128) {
        if let Some((&start, &end)) = self.runs.range(..=first).next_back()
            && end.checked_add(1).is_none_or(|next| next >= first)
        {
            if end >= last {
                return;
            }
            first = start;
        }
        // Every further run that begins inside or right behind the new one becomes part of it.
        let reach = last.saturating_add(1);
        while let Some((&start, &end)) = self.runs.range(first..=reach).next() {
            self.runs.remove(&start);
            last = last.max(end);
            if end >= reach {
                break;
            }
        }
        self.runs.insert(first, last);
    }

    /// Takes out all numbers from `first` to `last`.
    pub fn remove(&mut self, first: u128, last: u128) {
        if let Some((&start, &end)) = self.runs.range(..first).next_back()
            && end >= first
        {
            self.runs.insert(start, first - 1);
            if end > last {
                self.runs.insert(last + 1, end);
                return;
            }
        }
        while let Some((&start, &end)) = self.runs.range(first..=last).next() {
            self.runs.remove(&start);
            if end > last {
                self.runs.insert(last + 1, end);
            }
        }
    }

    /// Whether any number from `first` to `last` is in the set.
    #[must_use]
    pub fn overlaps(&self, first: u128, last: u128) -> bool {
        self.overlap_end(first, last).is_some()
    }

    /// Whether that number is in the set.
    #[must_use]
    pub fn contains(&self, number: u128) -> bool {
        self.overlaps(number, number)
    }

    /// The last number of the last run that has a number from `first` to `last`; `None` if there is none. It may lie
    /// behind `last`.
    #[must_use]
    pub fn overlap_end(&self, first: u128, last: u128) -> Option<u128> {
        let (_, &end) = self.runs.range(..=last).next_back()?;
        (end >= first).then_some(end)
    }

    /// The lowest number from `number` on that is not in the set; `None` if there is none.
    #[must_use]
    pub fn next_gap(&self, number: u128) -> Option<u128> {
        match self.runs.range(..=number).next_back() {
            Some((_, &end)) if end >= number => end.checked_add(1),
            _ => Some(number),
        }
    }

    /// The runs, each by its first and last number.
    pub fn iter(&self) -> impl Iterator<Item = (u128, u128)> {
        self.runs.iter().map(|(&first, &last)| (first, last))
    }

    /// What of the set lies from `first` to `last`, as runs.
    pub fn within(&self, first: u128, last: u128) -> impl Iterator<Item = (u128, u128)> {
        let ahead = self.runs.range(..first).next_back();
        let ahead = ahead.filter(|&(_, &end)| end >= first);
        ahead
            .into_iter()
            .chain(self.runs.range(first..=last))
            .map(move |(&start, &end)| (start.max(first), end.min(last)))
    }

    /// How many runs there are.
    #[must_use]
    pub fn run_count(&self) -> usize {
        self.runs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn consecutive_addresses_are_one_run() {
        let mut runs = Runs::default();
        for number in [5, 7, 6, 4, 8] {
            runs.insert(number, number);
        }
        assert_eq!(runs.run_count(), 1);
        assert_eq!(runs.next_gap(4), Some(9));
    }

    #[test]
    fn the_ends_of_the_number_range_are_no_exception() {
        let mut runs = Runs::default();
        runs.insert(u128::MAX, u128::MAX);
        assert_eq!(runs.next_gap(u128::MAX), None);
        runs.insert(0, u128::MAX);
        assert_eq!((runs.run_count(), runs.next_gap(0)), (1, None));
        runs.remove(u128::MAX, u128::MAX);
        assert_eq!(runs.next_gap(0), Some(u128::MAX));
        runs.remove(0, 0);
        assert!(!runs.contains(0) && runs.contains(1));
        runs.remove(0, u128::MAX);
        assert_eq!(runs.run_count(), 0);
    }

    proptest! {
        #[test]
        fn runs_are_a_set(steps in proptest::collection::vec((any::<bool>(), 0..60u128, 0..6u128), 0..80)) {
            let mut runs = Runs::default();
            let mut set = BTreeSet::new();
            for (add, first, more) in steps {
                let last = first + more;
                if add {
                    runs.insert(first, last);
                    set.extend(first..=last);
                } else {
                    runs.remove(first, last);
                    set.retain(|number| !(first..=last).contains(number));
                }
                for number in 0..70 {
                    prop_assert_eq!(runs.contains(number), set.contains(&number));
                    let gap = (number..).find(|candidate| !set.contains(candidate));
                    prop_assert_eq!(runs.next_gap(number), gap);
                    let overlaps = set.range(number..=number + 3).next().is_some();
                    prop_assert_eq!(runs.overlaps(number, number + 3), overlaps);
                    let end = set.range(number..=number + 3).next_back().map(|&last| {
                        (last..).find(|next| !set.contains(&(next + 1))).expect("an end")
                    });
                    prop_assert_eq!(runs.overlap_end(number, number + 3), end);
                    let within = runs.within(number, number + 9).flat_map(|(first, last)| first..=last);
                    prop_assert!(within.eq(set.range(number..=number + 9).copied()));
                }
                let all = runs.iter().flat_map(|(first, last)| first..=last);
                prop_assert!(all.eq(set.iter().copied()));
                let starts = set.iter().filter(|&&n| n == 0 || !set.contains(&(n - 1))).count();
                prop_assert_eq!(runs.run_count(), starts);
            }
        }
    }
}
