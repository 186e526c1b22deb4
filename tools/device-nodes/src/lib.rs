//! A library for LD_PRELOAD, for programs that look at what a node is before they open it: libdrm's `drmGetDevices` takes
//! character devices only, libsystemd reads only what says that it is sysfs, and tools find processes by the descriptors of
//! nodes that they have open. A file of a FUSE mount can say none of it.
//!
//! What stat(2) and its kin tell of `card<N>` and `renderD<N>` of a served `/dev/dri` is told as of a character device of
//! DRM, and what fstatfs(2) tells of a file below `/sys` as of sysfs. A descriptor of a node, of any process, leads to where
//! nodes usually are, and its fdinfo, when it is opened for reading, has the lines of DRM too. They are the daemon's, which
//! alone knows what a file has: they lie in a file by the node's inode number. Everything else passes as it is, and nothing
//! that is asked by ioctl goes through here. `kfdctl run --device-nodes` loads it.

mod fdinfo;
mod node;
mod sync;
mod sys;
