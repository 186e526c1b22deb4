//! A struct of the ABI together with what its C declaration is called, so that one definition serves the compiler,
//! the check against the C header, the trace decoder and the documentation.
//!
//! Not for: meaning. A layout says where a field lies, never what a value in it does.

/// One field of a struct as it lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The field's name in the C header.
    pub name: &'static str,
    /// The bytes from the start of the struct to the field.
    pub offset: usize,
    /// The bytes of the field.
    pub size: usize,
}

/// A struct as it lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The C name of the type, for `sizeof`: `struct kfd_ioctl_get_version_args`.
    pub c_type: &'static str,
    /// The bytes of the struct.
    pub size: usize,
    /// The fields in order of offset. Padding that C leaves to the compiler is a field with an empty name.
    pub fields: &'static [Field],
}

/// Defines a `#[repr(C)]` struct for the wire with every derive it needs and a `LAYOUT` constant that describes it.
///
/// `= "name"` after a field gives its C name where that differs; `= ""` marks padding that C does not name.
macro_rules! wire_struct {
    ($(
        $(#[$meta:meta])*
        $name:ident = $c_type:literal {
            $( $(#[$field_meta:meta])* $field:ident : $ty:ty $(= $c_name:literal)? ),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[doc = concat!("\n\n`", $c_type, "`.")]
        #[repr(C)]
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq,
            zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout,
        )]
        #[allow(missing_docs, reason = "the header names padding and reserved fields")]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $ty, )*
        }

        impl $name {
            /// The offset, size and C name of each field.
            pub const LAYOUT: crate::abi::layout::Layout = crate::abi::layout::Layout {
                c_type: $c_type,
                size: size_of::<Self>(),
                fields: &[$( crate::abi::layout::Field {
                    name: wire_struct!(@name $field $($c_name)?),
                    offset: core::mem::offset_of!(Self, $field),
                    size: size_of::<$ty>(),
                } ),*],
            };
        }

        impl Default for $name {
            fn default() -> Self {
                <Self as zerocopy::FromZeros>::new_zeroed()
            }
        }
    )*};
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $c_name:literal) => { $c_name };
}

pub(crate) use wire_struct;

impl Layout {
    /// The bytes of the field at `offset`. In a constant, an offset at which no field begins does not compile.
    #[must_use]
    pub const fn width_at(&self, offset: usize) -> usize {
        self.at(offset).size
    }

    /// The C name of the field at `offset`. In a constant, an offset at which no field begins does not compile.
    #[must_use]
    pub const fn name_at(&self, offset: usize) -> &'static str {
        self.at(offset).name
    }

    const fn at(&self, offset: usize) -> Field {
        let mut i = 0;
        while i < self.fields.len() {
            if self.fields[i].offset == offset {
                return self.fields[i];
            }
            i += 1;
        }
        panic!("no field begins at this offset")
    }
}
