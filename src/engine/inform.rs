//! Information-request → Reply with the configured options and no leases (RFC 9915 §18.3.6).

use super::Engine;
use super::draft::Draft;
use crate::wire::MessageType;

impl Engine {
    /// Nothing that is configured depends on the client or its link, so every one is answered alike.
    pub(super) fn inform(draft: &mut Draft) -> MessageType {
        draft.with_options = true;
        MessageType::REPLY
    }
}
