//! Structs of linux/fuse.h, native endian, field for field; names are the header's without `fuse_`.
//!
//! They are read by copy (`read_from_prefix`), so no alignment of the buffer is assumed.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! wire {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? } $size:literal)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Default)]
            #[repr(C)]
            #[allow(missing_docs, reason = "the fields are those of linux/fuse.h")]
            pub struct $name { $(pub $field: $kind),* }
            const _: () = assert!(size_of::<$name>() == $size, "size of the struct in linux/fuse.h");
        )*
    };
}

wire! {
    /// Heads every request. `pid` is a thread id; 0 for RELEASE and writeback.
    InHeader { len: u32, opcode: u32, unique: u64, nodeid: u64, uid: u32, gid: u32, pid: u32, total_extlen: u16, padding: u16 } 40
    /// Heads every reply; with `unique` 0 a notification whose code is in `error`.
    OutHeader { len: u32, error: i32, unique: u64 } 16
    /// Attributes of a node.
    Attr { ino: u64, size: u64, blocks: u64, atime: u64, mtime: u64, ctime: u64, atimensec: u32, mtimensec: u32, ctimensec: u32,
           mode: u32, nlink: u32, uid: u32, gid: u32, rdev: u32, blksize: u32, flags: u32 } 88
    /// INIT, up to the fields every kernel sends; flags2 follows where INIT_EXT is set.
    InitIn { major: u32, minor: u32, max_readahead: u32, flags: u32 } 16
    /// INIT's reply in its long form.
    InitOut { major: u32, minor: u32, max_readahead: u32, flags: u32, max_background: u16, congestion_threshold: u16,
              max_write: u32, time_gran: u32, max_pages: u16, map_alignment: u16, flags2: u32, max_stack_depth: u32,
              unused: [u32; 6] } 64
    /// FORGET.
    ForgetIn { nlookup: u64 } 8
    /// Heads BATCH_FORGET.
    BatchForgetIn { count: u32, dummy: u32 } 8
    /// One of BATCH_FORGET.
    ForgetOne { nodeid: u64, nlookup: u64 } 16
    /// LOOKUP's reply.
    EntryOut { nodeid: u64, generation: u64, entry_valid: u64, attr_valid: u64, entry_valid_nsec: u32, attr_valid_nsec: u32, attr: Attr } 128
    /// GETATTR's and SETATTR's reply.
    AttrOut { attr_valid: u64, attr_valid_nsec: u32, dummy: u32, attr: Attr } 104
    /// OPEN and OPENDIR.
    OpenIn { flags: u32, open_flags: u32 } 8
    /// Their reply. `backing_id` counts with FOPEN_PASSTHROUGH only.
    OpenOut { fh: u64, open_flags: u32, backing_id: i32 } 16
    /// READ and READDIR.
    ReadIn { fh: u64, offset: u64, size: u32, read_flags: u32, lock_owner: u64, flags: u32, padding: u32 } 40
    /// WRITE; the bytes follow.
    WriteIn { fh: u64, offset: u64, size: u32, write_flags: u32, lock_owner: u64, flags: u32, padding: u32 } 40
    /// WRITE's reply.
    WriteOut { size: u32, padding: u32 } 8
    /// RELEASE and RELEASEDIR.
    ReleaseIn { fh: u64, flags: u32, release_flags: u32, lock_owner: u64 } 24
    /// FLUSH.
    FlushIn { fh: u64, unused: u32, padding: u32, lock_owner: u64 } 24
    /// INTERRUPT: the request whose caller has a signal pending.
    InterruptIn { unique: u64 } 8
    /// IOCTL; `in_size` bytes follow.
    IoctlIn { fh: u64, flags: u32, cmd: u32, arg: u64, in_size: u32, out_size: u32 } 32
    /// IOCTL's reply; up to `out_size` bytes follow.
    IoctlOut { result: i32, flags: u32, in_iovs: u32, out_iovs: u32 } 16
    /// STATFS's reply.
    StatfsOut { blocks: u64, bfree: u64, bavail: u64, files: u64, ffree: u64, bsize: u32, namelen: u32, frsize: u32, padding: u32, spare: [u32; 6] } 80
    /// One directory entry; the name follows, padded to eight bytes.
    Dirent { ino: u64, off: u64, namelen: u32, kind: u32 } 24
    /// NOTIFY_INVAL_INODE; `len` 0 means to the end.
    InvalInode { ino: u64, off: i64, len: i64 } 24
    /// NOTIFY_INVAL_ENTRY; the name and a zero byte follow.
    InvalEntry { parent: u64, namelen: u32, flags: u32 } 16
    /// FUSE_DEV_IOC_BACKING_OPEN's argument.
    BackingMap { fd: i32, flags: u32, padding: u64 } 16
}
