//! What clients of one interface hold although another one may give it by the configuration in force now.
//!
//! Each interface has leases of its own. The configuration sees to it that no two give the same, but one that is new
//! can let an interface give what clients of another still hold. Until that is over, nobody else gets it.

use super::Engine;
use crate::lease::{Change, Lease, LeaseState, Prefix};
use crate::wire::Duid;

impl Engine {
    /// The leases that are taken here and that another interface may give: what comes from no pool of this interface,
    /// and what is reserved for somebody else than its holder.
    #[must_use]
    pub fn claims(&self) -> Vec<Change> {
        // What belongs to hosts is excluded from all pools.
        let excluded = self.table.excluded();
        let is_claim = |lease: &Lease<'_>| {
            let (first, last) = lease.prefix().bounds();
            lease.state() != LeaseState::Released
                && match excluded.overlaps(first, last) {
                    true => !self.is_reserved_for(lease.holder().duid, lease.prefix()),
                    false => !self.is_given_here(lease.prefix()),
                }
        };
        let claims = self.table.iter().filter(is_claim);
        claims.map(Lease::change).collect()
    }

    /// Gives nothing of that to anybody before its time has passed.
    pub fn respect(&mut self, claims: &[Change]) {
        for claim in claims {
            // It rests as what was declined does: taken, and in no binding.
            if self.table.is_free(claim.prefix) {
                self.table.apply(&Change {
                    state: LeaseState::Declined,
                    ..*claim
                });
            }
        }
    }

    fn is_reserved_for(&self, duid: Duid, prefix: Prefix) -> bool {
        let host = self.hosts.get(&duid);
        let host = host.and_then(|&index| self.config.hosts.get(index));
        let mut reserved = host
            .into_iter()
            .flat_map(|it| it.addresses.iter().chain(&it.prefixes));
        reserved.any(|it| it.prefix == prefix)
    }

    /// Whether that comes from a pool of this interface.
    fn is_given_here(&self, prefix: Prefix) -> bool {
        let Some(interface) = &self.interface else {
            return false;
        };
        let pool = interface.pool.and_then(|it| self.config.pools.get(it.pool));
        let of_prefixes = interface.prefix_pool;
        let of_prefixes = of_prefixes.and_then(|it| self.config.prefix_pools.get(it.pool));
        pool.is_some_and(|it| prefix.length() == 128 && it.contains(prefix.address()))
            || of_prefixes.is_some_and(|it| it.contains(prefix))
    }
}
