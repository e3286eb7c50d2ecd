//! Release → Reply (RFC 9915 §18.3.7): the listed leases of the client's own bindings become free.

use super::admit::Query;
use super::draft::Draft;
use super::{DropReason, Engine};
use crate::lease::LeaseState;
use crate::wire::{Duid, MessageType, StatusCode};

impl Engine {
    pub(super) fn release(
        &self,
        query: &Query<'_>,
        draft: &mut Draft,
    ) -> Result<MessageType, DropReason> {
        let client = query.client.ok_or(DropReason::NoClientId)?;
        self.give_back(query, client, |_| Some((LeaseState::Released, 0)), draft);
        Ok(MessageType::REPLY)
    }

    /// Ends the listed leases of the client's bindings in the way that `ending` says for the kind of IA;
    /// an IA without a binding is answered with NoBinding, everything else with Success for the whole.
    pub(super) fn give_back(
        &self,
        query: &Query<'_>,
        client: Duid,
        ending: impl Fn(crate::lease::IaKind) -> Option<(LeaseState, u32)>,
        draft: &mut Draft,
    ) {
        for ia in query.ias() {
            let Some((state, secs)) = ending(ia.kind) else {
                continue;
            };
            let key = ia.key(client);
            if self.table.active(&key).next().is_none() {
                draft.begin_ia(&key);
                draft.set_ia_status(StatusCode::NO_BINDING);
                continue;
            }
            for lease in self.table.active(&key) {
                if ia.leases().any(|listed| listed == lease.prefix()) {
                    draft.end(&key, lease.prefix(), state, secs);
                }
            }
        }
        draft.status = Some(StatusCode::SUCCESS);
    }
}
