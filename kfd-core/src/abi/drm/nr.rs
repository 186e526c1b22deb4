//! `_IOC_NR` of each call of magic `d`: drm's own by the name that drm/drm.h has after `DRM_IOCTL_`, and amdgpu's by the
//! name that drm/amdgpu_drm.h has after `DRM_IOCTL_`.
#![allow(missing_docs, reason = "the names are the headers'")]

use super::COMMAND_BASE;

pub const VERSION: u8 = 0x00;
pub const GET_UNIQUE: u8 = 0x01;
pub const GET_MAGIC: u8 = 0x02;
pub const GET_CLIENT: u8 = 0x05;
pub const SET_VERSION: u8 = 0x07;
pub const GEM_CLOSE: u8 = 0x09;
pub const GET_CAP: u8 = 0x0c;
pub const SET_CLIENT_CAP: u8 = 0x0d;
pub const AUTH_MAGIC: u8 = 0x11;
pub const PRIME_HANDLE_TO_FD: u8 = 0x2d;
pub const PRIME_FD_TO_HANDLE: u8 = 0x2e;
pub const SET_MASTER: u8 = 0x1e;
pub const DROP_MASTER: u8 = 0x1f;

pub const AMDGPU_GEM_CREATE: u8 = COMMAND_BASE;
pub const AMDGPU_GEM_MMAP: u8 = COMMAND_BASE + 0x01;
pub const AMDGPU_CTX: u8 = COMMAND_BASE + 0x02;
pub const AMDGPU_BO_LIST: u8 = COMMAND_BASE + 0x03;
pub const AMDGPU_CS: u8 = COMMAND_BASE + 0x04;
pub const AMDGPU_INFO: u8 = COMMAND_BASE + 0x05;
pub const AMDGPU_GEM_METADATA: u8 = COMMAND_BASE + 0x06;
pub const AMDGPU_GEM_WAIT_IDLE: u8 = COMMAND_BASE + 0x07;
pub const AMDGPU_GEM_VA: u8 = COMMAND_BASE + 0x08;
pub const AMDGPU_WAIT_CS: u8 = COMMAND_BASE + 0x09;
pub const AMDGPU_GEM_OP: u8 = COMMAND_BASE + 0x10;
pub const AMDGPU_VM: u8 = COMMAND_BASE + 0x13;
