//! `LeaseTable`: by client, by address or prefix, by expiry; `apply` is its only mutator.

/// One lease.
#[derive(Debug)]
pub struct Lease {}

/// All leases.
#[derive(Debug, Default)]
pub struct LeaseTable {}
