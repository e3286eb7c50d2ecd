//! Renew → Reply with extended leases (RFC 9915 §18.3.4).

use super::admit::{Query, QueryIa};
use super::assign::Client;
use super::draft::Draft;
use super::{DropReason, Engine, Event};
use crate::lease::LeaseState;
use crate::wire::{MessageType, StatusCode};

impl Engine {
    pub(super) fn renew(
        &self,
        query: &Query<'_>,
        draft: &mut Draft,
    ) -> Result<MessageType, DropReason> {
        let client = self.client(query)?;
        for ia in query.ias() {
            draft.begin_ia(&ia.key(client.duid));
            if !self.extend_binding(query, &client, &ia, draft) {
                self.create_binding(query, &client, &ia, draft);
                if draft.grants_in_ia() {
                    ia.leases().for_each(|prefix| draft.zero(prefix));
                }
            }
        }
        draft.with_options = true;
        Ok(MessageType::REPLY)
    }

    /// Answers an IA whose binding is known: what it has is extended; what it has no longer, and what it
    /// lists without having it, is shown with lifetimes 0; if nothing is left, it gets a new lease.
    /// Says whether there is a binding.
    pub(super) fn extend_binding(
        &self,
        query: &Query<'_>,
        client: &Client<'_>,
        ia: &QueryIa<'_>,
        draft: &mut Draft,
    ) -> bool {
        let key = ia.key(client.duid);
        if !self.extend(client, ia, draft) {
            draft.note(Event::NoBinding(client.duid));
            return false;
        }
        let renewed = draft.grants_in_ia() || self.assign(query, client, ia, draft);
        let active = self.table.active(&key).map(crate::lease::Lease::prefix);
        for prefix in active.chain(ia.leases()) {
            draft.zero(prefix);
        }
        if !renewed && !draft.says_in_ia() {
            draft.set_none_available(ia.kind);
        }
        true
    }

    /// Answers an IA without a binding by creating one (RFC 9915 §18.3.4), so that a client whose binding
    /// was lost keeps its lease where that is still free. Where nothing is configured for it, the answer is
    /// NoBinding.
    pub(super) fn create_binding(
        &self,
        query: &Query<'_>,
        client: &Client<'_>,
        ia: &QueryIa<'_>,
        draft: &mut Draft,
    ) {
        if !client.has_source(ia.kind) {
            draft.set_ia_status(StatusCode::NO_BINDING);
        } else if !self.assign(query, client, ia, draft) {
            draft.set_none_available(ia.kind);
        }
    }

    /// Whether somebody else has an active lease of that block.
    pub(super) fn is_anothers(&self, client: &Client<'_>, prefix: crate::lease::Prefix) -> bool {
        let lease = self
            .table
            .get(prefix)
            .filter(|it| it.state() == LeaseState::Active);
        lease.is_some_and(|it| it.holder().duid != client.duid)
    }
}
