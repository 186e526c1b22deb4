//! Numbers of `enum fuse_opcode`, `enum fuse_notify_code` and the flag words (linux/fuse.h).

/// Declares the opcodes that have a meaning here.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $value:expr => $kind:ty;)*) => {
        $($(#[$doc])* pub const $name: $kind = $value;)*
    };
}

numbers! {
    /// Name to node.
    LOOKUP = 1 => u32;
    /// Drops lookups of one node; has no reply.
    FORGET = 2 => u32;
    /// Attributes of a node.
    GETATTR = 3 => u32;
    /// Change of attributes.
    SETATTR = 4 => u32;
    /// Where a symbolic link leads.
    READLINK = 5 => u32;
    /// Open of a file.
    OPEN = 14 => u32;
    /// Read of a file; for a mapped page of a cached file, the fault.
    READ = 15 => u32;
    /// Write to a file, or writeback of a dirty page.
    WRITE = 16 => u32;
    /// File system figures.
    STATFS = 17 => u32;
    /// The last reference to an open file has gone.
    RELEASE = 18 => u32;
    /// fsync(2).
    FSYNC = 20 => u32;
    /// A descriptor was closed.
    FLUSH = 25 => u32;
    /// The first request of a connection.
    INIT = 26 => u32;
    /// Open of a directory.
    OPENDIR = 27 => u32;
    /// Entries of a directory.
    READDIR = 28 => u32;
    /// The directory was closed.
    RELEASEDIR = 29 => u32;
    /// access(2), only without `default_permissions`.
    ACCESS = 34 => u32;
    /// A signal is pending for the caller of an earlier request.
    INTERRUPT = 36 => u32;
    /// The file system is being unmounted.
    DESTROY = 38 => u32;
    /// ioctl(2), restricted: the struct that `_IOC_SIZE` names, in and out.
    IOCTL = 39 => u32;
    /// Many FORGETs in one message.
    BATCH_FORGET = 42 => u32;
}

/// SYMLINK, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK, CREATE, RENAME2, TMPFILE.
pub const ALTERING: [u32; 10] = [6, 8, 9, 10, 11, 12, 13, 35, 45, 51];

numbers! {
    /// `FUSE_ROOT_ID`: the node of the mount point.
    ROOT_ID = 1 => u64;
    /// `FUSE_KERNEL_VERSION`.
    KERNEL_VERSION = 7 => u32;
    /// The minor spoken here: 7.40 has passthrough.
    KERNEL_MINOR = 40 => u32;
    /// `FUSE_INT_REQ_BIT` (fs/fuse/fuse_dev_i.h): an INTERRUPT's `unique` is that of its request with this bit set.
    INTERRUPT_BIT = 1 => u64;
}

numbers! {
    /// `FUSE_PARALLEL_DIROPS`: lookups in one directory do not exclude each other.
    INIT_PARALLEL_DIROPS = 1 << 18 => u32;
    /// `FUSE_EXPLICIT_INVAL_DATA`: cached pages go only when told.
    INIT_EXPLICIT_INVAL_DATA = 1 << 25 => u32;
    /// `FUSE_INIT_EXT`: flags2 counts.
    INIT_EXT = 1 << 30 => u32;
    /// `FUSE_PASSTHROUGH` (bit 37), as a bit of flags2.
    INIT2_PASSTHROUGH = 1 << (37 - 32) => u32;
}

numbers! {
    /// `FOPEN_DIRECT_IO`: reads and writes are not cached.
    FOPEN_DIRECT_IO = 1 => u32;
    /// `FOPEN_KEEP_CACHE`: an open leaves the cached pages alone.
    FOPEN_KEEP_CACHE = 1 << 1 => u32;
    /// `FOPEN_CACHE_DIR`: directory entries may be cached.
    FOPEN_CACHE_DIR = 1 << 3 => u32;
    /// `FOPEN_NOFLUSH`: no FLUSH when a descriptor is closed.
    FOPEN_NOFLUSH = 1 << 5 => u32;
    /// `FOPEN_PASSTHROUGH`: reads, writes and mappings go to the backing file.
    FOPEN_PASSTHROUGH = 1 << 7 => u32;
}

numbers! {
    /// `FUSE_WRITE_CACHE`: a dirty page comes back, as opposed to a write(2).
    WRITE_CACHE = 1 => u32;
}

numbers! {
    /// `FUSE_NOTIFY_INVAL_INODE`.
    NOTIFY_INVAL_INODE = 2 => i32;
    /// `FUSE_NOTIFY_INVAL_ENTRY`.
    NOTIFY_INVAL_ENTRY = 3 => i32;
}
