//! Request → Reply with the bindings that it creates (RFC 9915 §18.3.2).

use super::admit::{Query, QueryIa};
use super::assign::Client;
use super::draft::Draft;
use super::{DropReason, Engine};
use crate::lease::{IaKind, Prefix};
use crate::wire::{MessageType, StatusCode};

impl Engine {
    pub(super) fn request(
        &self,
        query: &Query<'_>,
        draft: &mut Draft,
    ) -> Result<MessageType, DropReason> {
        let client = self.client(query)?;
        for ia in query.ias() {
            if self.is_off_link(&client, &ia) {
                draft.begin_ia(&ia.key(client.duid));
                draft.set_ia_status(StatusCode::NOT_ON_LINK);
            } else {
                self.obtain(query, &client, &ia, draft);
            }
        }
        draft.with_options = true;
        Ok(MessageType::REPLY)
    }

    /// Whether an IA_NA lists an address that does not fit the client's link.
    fn is_off_link(&self, client: &Client<'_>, ia: &QueryIa<'_>) -> bool {
        ia.kind == IaKind::Na
            && ia
                .leases()
                .any(|it| self.fits_link(client, it) == Some(false))
    }

    /// Whether an address fits the client's link; `None` if nothing is known about that link.
    pub(super) fn fits_link(&self, client: &Client<'_>, address: Prefix) -> Option<bool> {
        // What the configuration gives to this client fits wherever it is.
        if client.reservation(IaKind::Na, address).is_some() || self.is_in_pool(client, address) {
            return Some(true);
        }
        match client.place {
            super::Place::Here if !self.on_link.is_empty() => {
                Some(self.is_on_link(address.address()))
            }
            // A link that is not this one: the prefixes of this one do not fit there.
            super::Place::Elsewhere if self.is_on_link(address.address()) => Some(false),
            super::Place::Here | super::Place::Elsewhere => None,
        }
    }
}
