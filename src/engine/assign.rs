//! Which lease an IA gets: what belongs to the client's `host` statement first, then an address or prefix of a pool.
//!
//! Not here: where in a pool (`lease::pool`), and T1 and T2 (`times`).

use super::admit::{Query, QueryIa};
use super::draft::Draft;
use super::{DropReason, Engine, Event, Place};
use crate::config::{Host, Lifetimes, PoolUse, Reservation};
use crate::lease::{IaKey, IaKind, Lease, LeaseState, Prefix, is_reserved};
use crate::wire::Duid;

/// The client of a query, and what it may draw from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client<'a> {
    pub(super) duid: Duid,
    pub(super) place: Place,
    host: Option<&'a Host>,
    /// Where its addresses come from: the pool of its `host` statement, else that of the link.
    pool: Option<PoolUse>,
    /// Where its prefixes come from: the pool of its `host` statement, else that of the interface. A prefix belongs
    /// to no link, so clients of all relay agents get some.
    prefix_pool: Option<PoolUse>,
}

impl<'a> Client<'a> {
    /// What belongs to it. A valid lifetime of 0 takes it from the client without giving it to others.
    fn reservations(&self, kind: IaKind) -> impl Iterator<Item = &'a Reservation> + use<'a> {
        let reservations: &[_] = match (self.host, kind) {
            (Some(host), IaKind::Na) => &host.addresses,
            (Some(host), IaKind::Pd) => &host.prefixes,
            (None, _) => &[],
        };
        reservations.iter().filter(|it| it.lifetimes.valid_secs > 0)
    }

    /// The reservation of that address or prefix.
    pub(super) fn reservation(&self, kind: IaKind, prefix: Prefix) -> Option<Lifetimes> {
        let mut reservations = self.reservations(kind);
        reservations
            .find(|it| it.prefix == prefix)
            .map(|it| it.lifetimes)
    }

    /// Whether anything is configured for IAs of that kind.
    pub(super) fn has_source(&self, kind: IaKind) -> bool {
        let pool = match kind {
            IaKind::Na => self.pool,
            IaKind::Pd => self.prefix_pool,
        };
        self.reservations(kind).next().is_some() || pool.is_some()
    }
}

impl Engine {
    /// Who asks, and what is configured for it.
    pub(super) fn client(&self, query: &Query<'_>) -> Result<Client<'_>, DropReason> {
        let duid = query.client.ok_or(DropReason::NoClientId)?;
        let place = self.place(query)?;
        let host = self
            .hosts
            .get(&duid)
            .and_then(|&index| self.config.hosts.get(index));
        let interface = self.interface.as_ref();
        let of_link = interface
            .and_then(|it| it.pool)
            .filter(|_| place == Place::Here);
        let of_interface = interface.and_then(|it| it.prefix_pool);
        let gives = |it: &PoolUse| it.lifetimes.valid_secs > 0;
        Ok(Client {
            duid,
            place,
            host,
            pool: host.and_then(|it| it.pool).or(of_link).filter(gives),
            prefix_pool: host
                .and_then(|it| it.prefix_pool)
                .or(of_interface)
                .filter(gives),
        })
    }

    /// Grants the IA what it is bound to already, as far as the configuration still says so, else a new
    /// lease; without either, its status says that nothing is available.
    pub(super) fn obtain(
        &self,
        query: &Query<'_>,
        client: &Client<'_>,
        ia: &QueryIa<'_>,
        draft: &mut Draft,
    ) {
        let key = ia.key(client.duid);
        draft.begin_ia(&key);
        self.extend(client, ia, draft);
        if !draft.grants_in_ia() && !self.assign(query, client, ia, draft) {
            draft.set_none_available(ia.kind);
        }
    }

    /// Grants the lease of the binding that it may keep, and retires the others. Says whether there is a binding.
    pub(super) fn extend(&self, client: &Client<'_>, ia: &QueryIa<'_>, draft: &mut Draft) -> bool {
        let key = ia.key(client.duid);
        let kept = self.kept(client, ia, draft);
        let mut bound = false;
        for lease in self.table.active(&key) {
            bound = true;
            match kept {
                Some((prefix, lifetimes)) if prefix == lease.prefix() => {
                    draft.grant(&key, prefix, lifetimes, Some(lease));
                }
                _ => draft.retire(lease),
            }
        }
        bound
    }

    /// What the binding keeps: something that is reserved for its client, else what it has of the pool unless a
    /// reserved one is free. Several are left where the configuration took one away and gave it back; then it
    /// is the one that the client goes by, or the last that it was given.
    fn kept(
        &self,
        client: &Client<'_>,
        ia: &QueryIa<'_>,
        draft: &Draft,
    ) -> Option<(Prefix, Lifetimes)> {
        let key = ia.key(client.duid);
        let upgrade = self.reservation_awaits(client, &key, draft);
        let candidates = self.table.active(&key).filter_map(|lease| {
            let prefix = lease.prefix();
            let reserved = client.reservation(key.kind, prefix);
            let lifetimes = reserved.or_else(|| {
                self.pool_lifetimes(client, &key, prefix)
                    .filter(|_| !upgrade)
            })?;
            let listed = ia.leases().any(|it| it == prefix);
            let rank = (reserved.is_some(), listed, lease.changed());
            (!draft.promises(prefix)).then_some((rank, prefix, lifetimes))
        });
        let best = candidates.max_by_key(|&(rank, ..)| rank);
        best.map(|(_, prefix, lifetimes)| (prefix, lifetimes))
    }

    /// Grants a new lease in the IA at hand. Says whether there was one to grant.
    pub(super) fn assign(
        &self,
        query: &Query<'_>,
        client: &Client<'_>,
        ia: &QueryIa<'_>,
        draft: &mut Draft,
    ) -> bool {
        let key = ia.key(client.duid);
        let found = self
            .pick_reservation(query, client, ia, draft)
            .map(|it| (it.prefix, it.lifetimes))
            .or_else(|| self.pick_from_pool(client, ia, draft));
        match found {
            Some((prefix, lifetimes)) => {
                draft.grant(&key, prefix, lifetimes, self.held(&key, prefix));
            }
            None if ia.kind == IaKind::Na && client.pool.is_some() => draft.note(Event::PoolEmpty),
            None => {}
        }
        found.is_some()
    }

    /// Grants a lease that the client lists and that is its to have, reserved for it or free in its pool, if
    /// there is one.
    pub(super) fn assign_listed(&self, client: &Client<'_>, ia: &QueryIa<'_>, draft: &mut Draft) {
        let key = ia.key(client.duid);
        let found = ia.leases().find_map(|prefix| {
            let reserved = client.reservation(ia.kind, prefix);
            let lifetimes = reserved.or_else(|| self.pool_lifetimes(client, &key, prefix))?;
            self.is_available(&key, prefix, draft)
                .then_some((prefix, lifetimes))
        });
        if let Some((prefix, lifetimes)) = found {
            draft.grant(&key, prefix, lifetimes, self.held(&key, prefix));
        }
    }

    /// The lifetimes of something of the client's pool; `None` if it is not in the pool, or is kept from it.
    fn pool_lifetimes(
        &self,
        client: &Client<'_>,
        key: &IaKey,
        prefix: Prefix,
    ) -> Option<Lifetimes> {
        let (first, last) = prefix.bounds();
        let excluded = self.table.excluded().overlaps(first, last);
        let (pool_use, fits) = match key.kind {
            IaKind::Na => {
                let fits = self.is_in_pool(client, prefix) && !is_reserved(prefix.address());
                (client.pool?, fits)
            }
            IaKind::Pd => {
                let pool_use = client.prefix_pool?;
                let pool = self.config.prefix_pools.get(pool_use.pool)?;
                let fits = pool.contains(prefix) && !self.undelegated.overlaps(first, last);
                (pool_use, fits)
            }
        };
        (fits && !excluded).then_some(pool_use.lifetimes)
    }

    /// Whether an address lies in the pool that the client draws from.
    pub(super) fn is_in_pool(&self, client: &Client<'_>, prefix: Prefix) -> bool {
        let pool = client.pool.and_then(|it| self.config.pools.get(it.pool));
        prefix.length() == 128 && pool.is_some_and(|pool| pool.contains(prefix.address()))
    }

    /// Whether the binding may have that block now: nothing overlaps it, here or in the answer at hand.
    fn is_available(&self, key: &IaKey, prefix: Prefix, draft: &Draft) -> bool {
        let own = || {
            let lease = self.table.get(prefix);
            lease.is_some_and(|it| it.state() == LeaseState::Active && it.is_of(key))
        };
        (self.table.is_free(prefix) || own()) && !draft.promises(prefix)
    }

    /// The lease of that block if it is one of the client's, be it in another binding.
    fn held(&self, key: &IaKey, prefix: Prefix) -> Option<Lease<'_>> {
        self.table
            .get(prefix)
            .filter(|lease| lease.state() == LeaseState::Active && lease.holder().duid == key.duid)
    }

    /// Whether a reserved address is free for a binding that has none, so that it gives up its pool address.
    fn reservation_awaits(&self, client: &Client<'_>, key: &IaKey, draft: &Draft) -> bool {
        let mut reservations = client.reservations(key.kind);
        let has_one = || {
            let mut leases = self.table.active(key);
            leases.any(|lease| client.reservation(key.kind, lease.prefix()).is_some())
        };
        reservations.any(|it| self.table.is_free(it.prefix) && !draft.promises(it.prefix))
            && !has_one()
    }

    /// The reservation for an IA: one that it lists, one of the length that it lists or the next shorter
    /// (RFC 8168 §3.2), the first. If all are bound to IAs that the client does not name any more, one of
    /// those: a new installation has a new IAID and the same right to the client's addresses.
    fn pick_reservation<'a>(
        &self,
        query: &Query<'_>,
        client: &Client<'a>,
        ia: &QueryIa<'_>,
        draft: &Draft,
    ) -> Option<Reservation>
    where
        Self: 'a,
    {
        let key = ia.key(client.duid);
        let reservations = || client.reservations(ia.kind);
        let available = || reservations().filter(|it| self.is_available(&key, it.prefix, draft));
        let abandoned = |it: &&Reservation| {
            let holder = self.held(&key, it.prefix).map(Lease::holder);
            !draft.promises(it.prefix)
                && holder.is_some_and(|it| it.kind == key.kind && !query.has_ia(it.kind, it.iaid))
        };
        let listed = ia
            .leases()
            .find_map(|hint| available().find(|it| it.prefix == hint));
        let by_length = || {
            let lengths = ia.listed().map(Prefix::length).filter(|&length| length > 0);
            let length = lengths.last().filter(|_| ia.kind == IaKind::Pd)?;
            let fits = available().filter(|it| it.prefix.length() <= length);
            // Of equally long ones the first: `max_by_key` would take the last.
            fits.reduce(|best, it| {
                if it.prefix.length() > best.prefix.length() {
                    it
                } else {
                    best
                }
            })
        };
        listed
            .or_else(by_length)
            .or_else(|| available().next())
            .or_else(|| reservations().find(abandoned))
            .copied()
    }

    /// What an IA gets of its pool: something that it lists, what it had last, where its hash points. Parts of a pool
    /// of prefixes have one length, so a length that it asks for decides nothing (RFC 8168 §3.2).
    fn pick_from_pool(
        &self,
        client: &Client<'_>,
        ia: &QueryIa<'_>,
        draft: &Draft,
    ) -> Option<(Prefix, Lifetimes)> {
        let pool_use = match ia.kind {
            IaKind::Na => client.pool?,
            IaKind::Pd => client.prefix_pool?,
        };
        let key = ia.key(client.duid);
        let possible = |&prefix: &Prefix| {
            self.pool_lifetimes(client, &key, prefix).is_some()
                && self.is_available(&key, prefix, draft)
        };
        let had = || {
            let had = self.table.of_binding(&key);
            had.filter(|it| possible(&it.prefix()))
                .max_by_key(|it| it.changed())
                .map(Lease::prefix)
        };
        let wished = ia.leases().find(possible).or_else(had);
        let prefix = wished.or_else(|| self.place_in_pool(&key, pool_use.pool, draft))?;
        Some((prefix, pool_use.lifetimes))
    }

    /// What is free in the pool of that number, from where the hash of the binding points.
    fn place_in_pool(&self, key: &IaKey, pool: usize, draft: &Draft) -> Option<Prefix> {
        let unavailable = self.table.unavailable();
        match key.kind {
            IaKind::Na => {
                let pool = self.config.pools.get(pool)?;
                let range = (pool.first, pool.last);
                let promised = |address| draft.promises(Prefix::host(address));
                let found = self.placement.find(key, range, unavailable, promised);
                found.map(Prefix::host)
            }
            IaKind::Pd => {
                let pool = self.config.prefix_pools.get(pool)?;
                let parts = (pool.prefix, pool.length);
                let unavailable = [unavailable, &self.undelegated];
                let promised = |part| draft.promises(part);
                self.placement.find_part(key, parts, &unavailable, promised)
            }
        }
    }
}
