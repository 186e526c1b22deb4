//! The calls that only a primary node has (drm/drm_ioctl.c, drm/drm_auth.c).

use super::super::{Ctx, Flow, Handled};
use crate::abi::drm as abi;
use crate::call::{Errno, Node};
use crate::device::Device;

/// `DRM_IF_MAJOR`, `DRM_IF_MINOR` (drm/drm_internal.h).
const INTERFACE: (i32, i32) = (1, 4);

impl<'a> Ctx<'a> {
    /// The device whose primary node the caller has open.
    fn primary(&self) -> Result<&'a Device, Errno> {
        let Node::Card(minor) = self.caller.node else { return Err(Errno::ACCES) };
        self.core.device_behind(minor).ok_or(Errno::INVAL)
    }

    /// `drm_getunique`: the bus id that SET_VERSION has given, as far as there is room.
    pub(super) fn drm_get_unique(&mut self) -> Handled {
        let device = self.primary()?;
        let mut args: abi::Unique = self.read()?;
        let named = device.primary.is_named(self.caller.file);
        let id = if named { format!("pci:{}", device.profile.pci.address()) } else { String::new() };
        // All of it or nothing.
        if args.unique_len >= id.len() as u64 && !id.is_empty() {
            self.put(args.unique, id.as_bytes());
        }
        args.unique_len = id.len() as u64;
        self.answer(&args);
        Ok(Flow::Done)
    }

    /// `drm_getmagic`.
    pub(super) fn drm_get_magic(&mut self) -> Handled {
        let magic = self.primary()?.primary.magic(self.caller.file);
        self.answer(&abi::Auth { magic });
        Ok(Flow::Done)
    }

    /// `drm_authmagic`.
    pub(super) fn drm_auth_magic(&mut self) -> Handled {
        let device = self.primary()?;
        device.primary.must_be_master(self.caller.file)?;
        let args: abi::Auth = self.read()?;
        device.primary.authenticate(args.magic)?;
        Ok(Flow::Done)
    }

    /// `drm_setversion`: −1 asks for nothing.
    pub(super) fn drm_set_version(&mut self) -> Handled {
        let device = self.primary()?;
        device.primary.must_be_master(self.caller.file)?;
        let mut args: abi::SetVersion = self.read()?;
        let drm = &self.core.profile.drm;
        let driver = (drm.major.cast_signed(), drm.minor.cast_signed());
        let fits = |asked: (i32, i32), has: (i32, i32)| {
            asked.0 == -1 || asked.0 == has.0 && (0..=has.1).contains(&asked.1)
        };
        let (interface, wanted) =
            ((args.drm_di_major, args.drm_di_minor), (args.drm_dd_major, args.drm_dd_minor));
        let fine = fits(interface, INTERFACE) && fits(wanted, driver);
        if fits(interface, INTERFACE) && interface.0 != -1 {
            device.primary.name(self.caller.file);
        }
        (args.drm_di_major, args.drm_di_minor) = INTERFACE;
        (args.drm_dd_major, args.drm_dd_minor) = driver;
        self.answer(&args);
        if fine { Ok(Flow::Done) } else { Err(Errno::INVAL) }
    }

    /// `drm_setclientcap` of a driver without modesetting, which a device without a display has switched off.
    pub(super) fn drm_set_client_cap(&mut self) -> Handled {
        self.primary()?;
        Err(Errno::OPNOTSUPP)
    }

    /// `drm_setmaster_ioctl`.
    pub(super) fn drm_set_master(&mut self) -> Handled {
        self.primary()?.primary.set_master(self.caller.file)?;
        Ok(Flow::Done)
    }

    /// `drm_dropmaster_ioctl`.
    pub(super) fn drm_drop_master(&mut self) -> Handled {
        self.primary()?.primary.drop_master(self.caller.file)?;
        Ok(Flow::Done)
    }
}
