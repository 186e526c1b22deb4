//! BO_LIST: the buffers that submissions use (amdgpu/amdgpu_bo_list.c).

use crate::abi::drm as abi;
use crate::call::Errno;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::process::render::{BoList, RenderFile};
use zerocopy::FromBytes;

impl Ctx<'_> {
    pub(super) fn bo_list(&mut self) -> Handled {
        let args: abi::BoListIn = self.read()?;
        let (_, file) = self.render()?;
        let mut state = file.state.lock();
        // What a list no longer names may be its last: its range is given back with nothing held.
        let (number, old) = match args.operation {
            abi::BO_LIST_OP_CREATE => {
                let list = buffers(&file, self.input(0), &args)?;
                (state.lists.insert(list).ok_or(Errno::NOMEM)?, None)
            }
            abi::BO_LIST_OP_DESTROY => (0, state.lists.remove(args.list_handle)),
            abi::BO_LIST_OP_UPDATE => {
                let list = buffers(&file, self.input(0), &args)?;
                let slot = state.lists.get_mut(args.list_handle).ok_or(Errno::NOENT)?;
                (args.list_handle, Some(std::mem::replace(slot, list)))
            }
            _ => return Err(Errno::INVAL),
        };
        drop(state);
        drop(old);
        self.answer(&abi::BoListIn { operation: number, ..Default::default() });
        Ok(Flow::Done)
    }
}

/// The buffers that entries name, of the size that their maker says they have: what is missing of one is zero, what
/// there is more is not looked at.
pub(super) fn buffers(file: &RenderFile, entries: &[u8], args: &abi::BoListIn) -> Result<BoList, Errno> {
    let (count, size) = (args.bo_number as usize, args.bo_info_size as usize);
    if entries.len() < count.saturating_mul(size) {
        return Err(Errno::FAULT);
    }
    let gem = |index: usize| {
        let mut whole = [0; size_of::<abi::BoListEntry>()];
        let entry = &entries[index * size..][..size.min(whole.len())];
        whole[..entry.len()].copy_from_slice(entry);
        let entry = abi::BoListEntry::read_from_bytes(&whole).map_err(|_| Errno::INVAL)?;
        file.gems.get(file.id, entry.bo_handle).ok_or(Errno::NOENT)
    };
    (0..count).map(gem).collect()
}
