//! The table against a plain list of changes.

use super::index::REMEMBERED_MAX;
use super::lease::REMEMBERED_SECS;
use super::*;
use crate::lease::{IaKind, Record};
use proptest::prelude::*;
use std::net::Ipv6Addr;

fn key(client: u8, kind: IaKind, iaid: u32) -> IaKey {
    IaKey {
        duid: Duid::new(&[0, 3, 0, 1, client]).expect("a DUID"),
        kind,
        iaid,
    }
}

fn address(last: u128) -> Prefix {
    Prefix::host(Ipv6Addr::from_bits((0x2001_0db8 << 96) | last))
}

fn change(prefix: Prefix, holder: IaKey, state: LeaseState, now: u64, valid_secs: u32) -> Change {
    let changed = Timestamp(now);
    let until = changed.after(valid_secs);
    Change {
        prefix,
        holder,
        state,
        changed,
        preferred_until: until,
        valid_until: until,
    }
}

/// The table that a journal of these changes leads to.
fn replay(changes: &[Change]) -> LeaseTable {
    let mut replay = Replay::default();
    changes
        .iter()
        .for_each(|it| replay.take(&Record::Lease(*it)));
    replay.finish()
}

fn prefixes<'a>(leases: impl Iterator<Item = Lease<'a>>) -> Vec<Prefix> {
    leases.map(Lease::prefix).collect()
}

#[test]
fn a_lease_ends_with_the_second_after_its_lifetime_and_is_remembered() {
    let mut table = LeaseTable::default();
    let holder = key(1, IaKind::Na, 1);
    table.apply(&change(address(1), holder, LeaseState::Active, 100, 10));
    table.expire(Timestamp(110));
    assert_eq!(prefixes(table.active(&holder)), [address(1)]);
    assert!(!table.is_free(address(1)));
    table.expire(Timestamp(111));
    assert_eq!(prefixes(table.active(&holder)), []);
    assert_eq!(prefixes(table.of_binding(&holder)), [address(1)]);
    assert!(table.is_free(address(1)));
    table.expire(Timestamp(111 + u64::from(REMEMBERED_SECS)));
    assert!(table.is_empty());
    assert_eq!(table.next_due(), None);
}

#[test]
fn an_infinite_lease_is_never_due() {
    let mut table = LeaseTable::default();
    let holder = key(1, IaKind::Pd, 1);
    table.apply(&change(
        address(1),
        holder,
        LeaseState::Active,
        100,
        u32::MAX,
    ));
    assert_eq!(table.next_due(), None);
    table.expire(Timestamp(u64::MAX));
    assert_eq!(table.active(&holder).count(), 1);
}

#[test]
fn a_declined_address_is_taken_until_it_has_rested() {
    let mut table = LeaseTable::default();
    let holder = key(1, IaKind::Na, 1);
    table.apply(&change(address(1), holder, LeaseState::Active, 100, 10));
    table.apply(&change(
        address(1),
        holder,
        LeaseState::Declined,
        105,
        86_400,
    ));
    assert_eq!(table.active(&holder).count(), 0);
    table.expire(Timestamp(86_505));
    assert!(!table.is_free(address(1)));
    table.expire(Timestamp(86_506));
    assert!(table.is_free(address(1)) && table.is_empty());
}

#[test]
fn an_address_that_a_newcomer_takes_is_forgotten_for_its_former_holder() {
    let mut table = LeaseTable::default();
    let (old, new) = (key(1, IaKind::Na, 1), key(2, IaKind::Na, 1));
    table.apply(&change(address(1), old, LeaseState::Active, 100, 10));
    table.apply(&change(address(1), old, LeaseState::Released, 101, 0));
    table.apply(&change(address(1), new, LeaseState::Active, 102, 10));
    assert_eq!(table.of_binding(&old).count(), 0);
    assert_eq!(prefixes(table.active(&new)), [address(1)]);
    assert_eq!(table.len(), 1);
}

#[test]
fn the_leases_of_a_binding_stand_in_the_order_of_addresses() {
    let mut table = LeaseTable::default();
    let holder = key(1, IaKind::Na, 1);
    for last in [3, 1, 2] {
        table.apply(&change(address(last), holder, LeaseState::Active, 100, 10));
    }
    table.apply(&change(address(3), holder, LeaseState::Active, 105, 10));
    assert_eq!(
        prefixes(table.active(&holder)),
        [address(1), address(2), address(3)]
    );
    let other = key(1, IaKind::Pd, 1);
    assert_eq!(table.active(&other).count(), 0);
}

#[test]
fn a_prefix_and_an_address_inside_it_are_in_each_others_way() {
    let mut table = LeaseTable::default();
    let block = Prefix::new(address(0).address(), 64).expect("a prefix");
    table.apply(&change(
        block,
        key(1, IaKind::Pd, 1),
        LeaseState::Active,
        100,
        10,
    ));
    assert!(!table.is_free(address(5)));
    // Replaying a journal passes over the expiry that let the newcomer in.
    table.apply(&change(
        address(5),
        key(2, IaKind::Na, 1),
        LeaseState::Active,
        111,
        10,
    ));
    assert_eq!(table.active(&key(1, IaKind::Pd, 1)).count(), 0);
    assert!(table.is_free(address(6)) && !table.is_free(address(5)) && !table.is_free(block));
}

#[test]
fn only_the_last_leases_of_a_binding_are_remembered() {
    let mut table = LeaseTable::default();
    let holder = key(1, IaKind::Na, 1);
    for last in 0..100 {
        let now = 1000 + u64::try_from(last).expect("few");
        table.apply(&change(address(last), holder, LeaseState::Active, now, 10));
        table.apply(&change(address(last), holder, LeaseState::Released, now, 0));
    }
    let last: Vec<_> = (95..100).map(address).collect();
    assert_eq!(prefixes(table.of_binding(&holder)), last);
    assert_eq!(table.len(), 1 + REMEMBERED_MAX);
}

#[test]
fn a_replayed_binding_forgets_what_it_forgot_when_it_was_lived() {
    let (mut lived, mut history) = (LeaseTable::default(), Vec::new());
    let holder = key(1, IaKind::Na, 1);
    // Each lease expires before the next one is granted, and one of them is granted again at the end.
    for (now, last) in (0..).zip([1, 2, 3, 4, 5, 6, 3]) {
        let now = 1000 + 20 * now;
        let change = change(address(last), holder, LeaseState::Active, now, 10);
        lived.expire(Timestamp(now));
        lived.apply(&change);
        history.push(change);
    }
    let mut replayed = replay(&history);
    for table in [&mut lived, &mut replayed] {
        table.expire(Timestamp(2000));
    }
    assert_eq!(facts(&lived), facts(&replayed));
    assert_eq!(
        prefixes(lived.of_binding(&holder)),
        [2, 3, 4, 5, 6].map(address)
    );
}

#[test]
fn a_declined_address_belongs_to_no_binding() {
    let mut table = LeaseTable::default();
    let holder = key(1, IaKind::Na, 1);
    for last in [1, 2, 3] {
        table.apply(&change(address(last), holder, LeaseState::Active, 100, 10));
    }
    for last in [2, 1] {
        table.apply(&change(
            address(last),
            holder,
            LeaseState::Declined,
            100,
            50,
        ));
        assert!(!table.is_free(address(last)));
    }
    assert_eq!(prefixes(table.of_binding(&holder)), [address(3)]);
    table.expire(Timestamp(151));
    assert_eq!(prefixes(table.of_binding(&holder)), [address(3)]);
    assert_eq!(table.len(), 1);
}

fn runs(ranges: &[(u128, u128)]) -> Runs {
    let base = address(0).address().to_bits();
    let mut runs = Runs::default();
    for (first, last) in ranges {
        runs.insert(base + first, base + last);
    }
    runs
}

#[test]
fn what_is_excluded_stays_unavailable_when_its_lease_ends() {
    let mut table = LeaseTable::default();
    let holder = key(1, IaKind::Na, 1);
    table.apply(&change(address(3), holder, LeaseState::Active, 100, 10));
    table.set_excluded(runs(&[(3, 5), (8, 8)]));
    table.expire(Timestamp(111));
    assert_eq!(table.unavailable(), &runs(&[(3, 5), (8, 8)]));
    table.apply(&change(address(4), holder, LeaseState::Active, 120, 10));
    table.set_excluded(runs(&[(9, 9)]));
    assert_eq!(table.unavailable(), &runs(&[(4, 4), (9, 9)]));
}

#[test]
fn everything_is_restated_in_pieces() {
    let mut table = LeaseTable::default();
    for last in 0..10 {
        table.apply(&change(
            address(last),
            key(1, IaKind::Na, 1),
            LeaseState::Active,
            100,
            10,
        ));
    }
    let (mut log, mut cursor) = (ChangeLog::default(), Some(0));
    while let Some(at) = cursor {
        cursor = table.restate(at, 3, &mut log);
    }
    assert_eq!(log.count(), 10);
    let mut copy = LeaseTable::default();
    let mut records = log.records();
    while !records.is_empty() {
        let (change, rest) = Change::read(records).expect("a record");
        copy.apply(&change);
        records = rest;
    }
    assert_eq!(facts(&copy), facts(&table));
}

#[test]
fn what_a_later_lease_took_the_place_of_is_over_in_a_replayed_journal() {
    let block = |length| Prefix::new(address(0).address(), length).expect("a prefix");
    let grant = |prefix, client, now| {
        let kind = IaKind::Pd;
        change(prefix, key(client, kind, 1), LeaseState::Active, now, 10)
    };
    // Everybody comes when the time of those before has passed; client 4 lies apart from the others' blocks.
    let inner_first = [
        grant(address(1), 1, 100),
        grant(address(2), 2, 100),
        grant(block(120), 3, 111),
        grant(address(1 << 8), 4, 111),
    ];
    let table = replay(&inner_first);
    for (prefix, client, active) in [(address(1), 1, 0), (address(2), 2, 0), (block(120), 3, 1)] {
        assert_eq!(
            table.active(&key(client, IaKind::Pd, 1)).count(),
            active,
            "{prefix}"
        );
        let lease = table.get(prefix).expect("it is remembered");
        assert_eq!(
            lease.changed(),
            Timestamp(if active == 1 { 111 } else { 110 })
        );
    }
    assert!(!table.is_free(address(9)) && !table.is_free(address(1 << 8)));
    let outer_first = [
        grant(block(112), 1, 100),
        grant(block(120), 2, 111),
        grant(address(1), 3, 122),
        grant(address(2), 4, 122),
        grant(address(1 << 8), 5, 122),
    ];
    let table = replay(&outer_first);
    let active = (1..6).map(|client| table.active(&key(client, IaKind::Pd, 1)).count());
    assert!(active.eq([0, 0, 1, 1, 1]));
    assert!(table.is_free(address(3)) && !table.is_free(address(2)));
    assert_eq!(table.unavailable().run_count(), 2);
}

#[test]
fn a_duid_of_any_length_is_kept() {
    let mut table = LeaseTable::default();
    let holder = |octet: u8, len: usize| IaKey {
        duid: Duid::new(&vec![octet; len]).expect("1 to 130 octets"),
        kind: IaKind::Na,
        iaid: 1,
    };
    for len in 1..=130 {
        let octet = u8::try_from(len).expect("few");
        let state = LeaseState::Active;
        table.apply(&change(address(7), holder(octet, len), state, 100, 10));
        table.apply(&change(
            address(1000 + u128::from(octet)),
            holder(octet, len),
            state,
            100,
            10,
        ));
    }
    for len in 1..=130 {
        let octet = u8::try_from(len).expect("few");
        let lease = table
            .get(address(1000 + u128::from(octet)))
            .expect("a lease");
        assert_eq!(lease.holder(), holder(octet, len));
        let count = if len == 130 { 2 } else { 1 };
        assert_eq!(table.active(&holder(octet, len)).count(), count);
    }
}

#[test]
fn a_moment_lasts_longer_than_any_clock() {
    let mut table = LeaseTable::default();
    let holder = key(1, IaKind::Na, 1);
    let far = 1 << 39;
    for (now, until) in [(far, Timestamp(far + 10)), (u64::MAX - 5, Timestamp::NEVER)] {
        table.apply(&change(address(1), holder, LeaseState::Active, now, 10));
        let lease = table.get(address(1)).expect("a lease");
        assert_eq!(lease.valid_until(), until);
    }
}

/// Everything that the table says, in an order of its own.
fn facts(table: &LeaseTable) -> Vec<Change> {
    let mut facts: Vec<_> = table.iter().map(Lease::change).collect();
    facts.sort_by_key(|change| change.prefix);
    facts
}

proptest! {
    /// Random lives of a few leases: every index agrees with the list of leases, and replaying the changes
    /// rebuilds the table.
    #[test]
    fn indexes_agree_and_replay_rebuilds(
        steps in proptest::collection::vec((0..6u128, 0..3u8, 0..2u32, 0..5u8, 0..30u64), 1..60),
    ) {
        let (mut table, mut history, mut now) = (LeaseTable::default(), Vec::new(), 1000);
        for (last, client, iaid, action, pause) in steps {
            now += pause;
            table.expire(Timestamp(now));
            let holder = key(client, IaKind::Na, iaid);
            let prefix = address(last);
            let own = table.get(prefix).is_some_and(|lease| lease.is_of(&holder));
            let active = own && table.active(&holder).any(|lease| lease.prefix() == prefix);
            if action == 4 {
                table.set_excluded(runs(&[(last, last + u128::from(client))]));
            }
            let state = match action {
                0 | 1 if active || table.is_free(prefix) => LeaseState::Active,
                2 if active => LeaseState::Released,
                3 if active => LeaseState::Declined,
                _ => continue,
            };
            let change = change(prefix, holder, state, now, 40);
            table.apply(&change);
            history.push(change);

            let mut taken = Runs::default();
            for lease in table.iter() {
                let same = table.get(lease.prefix()).map(Lease::change);
                prop_assert_eq!(same, Some(lease.change()));
                let listed = table.of_binding(&lease.holder()).filter(|it| it.prefix() == lease.prefix());
                prop_assert_eq!(listed.count(), usize::from(lease.state() != LeaseState::Declined));
                if lease.state() != LeaseState::Released {
                    taken.insert(lease.prefix().bounds().0, lease.prefix().bounds().1);
                }
            }
            for last in 0..7 {
                let is_taken = taken.contains(address(last).bounds().0);
                prop_assert_eq!(table.is_free(address(last)), !is_taken);
            }
            table.excluded().iter().for_each(|(first, last)| taken.insert(first, last));
            prop_assert_eq!(&taken, table.unavailable());
            prop_assert_eq!(table.due(Timestamp::NEVER).count(), table.len());
            let dates: Vec<_> = table.calendar.before(&table.index.slots, Timestamp::NEVER)
                .filter_map(|slot| table.index.slots.packed(slot).map(|it| it.due())).collect();
            prop_assert!(dates.is_sorted());
        }
        let mut replayed = replay(&history);
        replayed.expire(Timestamp(now));
        prop_assert_eq!(facts(&replayed), facts(&table));
        let restated = replay(&facts(&table));
        prop_assert_eq!(restated.due(Timestamp::NEVER).count(), restated.len());
        prop_assert_eq!(facts(&restated), facts(&table));
        for lease in table.iter() {
            let of = |table: &LeaseTable| prefixes(table.of_binding(&lease.holder()));
            prop_assert_eq!(of(&restated), of(&table));
        }
    }
}
