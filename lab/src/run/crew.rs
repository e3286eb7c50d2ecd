//! Does tasks several at a time, and hands what comes of them over in the order of the tasks.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// What the one who waits for the crew wants to know.
pub(super) trait Foreman<R> {
    /// A task is done; what came of it may have to wait for its turn.
    fn arrived(&mut self, result: &R);

    /// What came of the next task, in their order. Breaking ends the work: tasks under way are finished, and
    /// forgotten.
    fn take(&mut self, index: usize, result: R) -> ControlFlow<()>;
}

/// Does the tasks with so many workers. A worker that returns `None` has given up, and is the last to: no task is
/// begun after that.
pub(super) fn play<T: Sync, R: Send>(
    tasks: &[T],
    workers: usize,
    work: impl Fn(&T) -> Option<R> + Sync,
    foreman: &mut impl Foreman<R>,
) {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let (report, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..workers.clamp(1, tasks.len().max(1)) {
            let report = report.clone();
            let (next, stopped, work) = (&next, &stopped, &work);
            scope.spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(task) = tasks.get(index) else { return };
                    match work(task) {
                        // Nobody listens any more once the foreman has enough.
                        Some(result) => drop(report.send((index, result))),
                        None => stopped.store(true, Ordering::Relaxed),
                    }
                }
            });
        }
        drop(report);
        if hand_over(&results, foreman).is_break() {
            stopped.store(true, Ordering::Relaxed);
        }
    });
}

/// Brings results into the order of the tasks. Those behind one that never came are handed over at the end.
fn hand_over<R>(
    results: &mpsc::Receiver<(usize, R)>,
    foreman: &mut impl Foreman<R>,
) -> ControlFlow<()> {
    let mut early = BTreeMap::new();
    let mut turn = 0;
    for (index, result) in results {
        foreman.arrived(&result);
        early.insert(index, result);
        while let Some(result) = early.remove(&turn) {
            foreman.take(turn, result)?;
            turn += 1;
        }
    }
    early
        .into_iter()
        .try_for_each(|(index, result)| foreman.take(index, result))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    /// Takes down what it is handed; has enough after so many.
    struct Clerk {
        taken: Vec<(usize, u32)>,
        arrived: usize,
        enough: usize,
    }

    impl Foreman<u32> for Clerk {
        fn arrived(&mut self, _: &u32) {
            self.arrived += 1;
        }

        fn take(&mut self, index: usize, result: u32) -> ControlFlow<()> {
            self.taken.push((index, result));
            match self.taken.len() < self.enough {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        }
    }

    fn clerk(enough: usize) -> Clerk {
        Clerk {
            taken: Vec::new(),
            arrived: 0,
            enough,
        }
    }

    #[test]
    fn results_come_in_the_order_of_the_tasks_however_they_are_done() {
        // The first task ends last: it waits for the others, which only several workers can do meanwhile.
        let meeting = Barrier::new(4);
        let mut clerk = clerk(usize::MAX);
        let work = |task: &u32| {
            meeting.wait();
            Some(task * 10)
        };
        play(&[0, 1, 2, 3], 4, work, &mut clerk);
        assert_eq!(clerk.taken, [(0, 0), (1, 10), (2, 20), (3, 30)]);
        assert_eq!(clerk.arrived, 4);
    }

    #[test]
    fn one_who_has_enough_is_handed_no_more() {
        let mut clerk = clerk(2);
        play(&[1, 2, 3, 4, 5], 1, |task| Some(*task), &mut clerk);
        assert_eq!(clerk.taken, [(0, 1), (1, 2)]);
    }

    #[test]
    fn what_is_done_when_a_worker_gives_up_is_still_handed_over() {
        let mut clerk = clerk(usize::MAX);
        let work = |task: &u32| (*task != 2).then_some(*task);
        play(&[1, 2, 3], 1, work, &mut clerk);
        assert_eq!(clerk.taken, [(0, 1)]);
    }

    #[test]
    fn there_may_be_nothing_to_do() {
        let mut clerk = clerk(usize::MAX);
        play(&[], 8, |task: &u32| Some(*task), &mut clerk);
        assert!(clerk.taken.is_empty());
    }
}
