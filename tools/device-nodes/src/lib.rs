//! A library for LD_PRELOAD, for programs that look at what a node is before they open it: libdrm's `drmGetDevices` takes
//! character devices only, and libsystemd reads only what says that it is sysfs. A file of a FUSE mount can say neither.
//!
//! What stat(2) and its kin tell of `card<N>` and `renderD<N>` of a served `/dev/dri` is told as of a character device of
//! DRM, and what fstatfs(2) tells of a file below `/sys` as of sysfs. Everything else passes as it is, and nothing that is
//! opened, read or asked by ioctl goes through here. `kfdctl run --device-nodes` loads it.

mod node;
mod sys;
