//! What every mm of a notifier shares: the domain, and the table of mms.
//!
//! Lock order: the table of mms is held for a look or an edit only, with no other lock of this crate inside it.

use crate::{
    identity::MmId,
    mm::Mm,
    srcu::Domain,
    sync::{self, Mutex},
};
use std::{
    collections::HashMap,
    ptr,
    sync::{Arc, Weak},
};

/// What every mm of a notifier shares.
pub(crate) struct Shared {
    pub(crate) domain: Arc<Domain>,
    pub(crate) mms: Mutex<HashMap<MmId, Weak<Mm>>>,
}

impl Shared {
    /// An mm is being dropped: its entry goes, unless a new mm has taken it over.
    pub(crate) fn forget(&self, mm: &Mm) {
        let mut mms = sync::lock(&self.mms);
        if mms.get(&mm.id()).is_some_and(|weak| ptr::eq(weak.as_ptr(), mm)) {
            mms.remove(&mm.id());
        }
    }
}
