//! The name of a kernel, from the code object that its descriptor lies in.
//!
//! A loader puts the first segment of a code object into memory as it is, and with it the ELF header, the dynamic section and
//! the symbols (LLVM, AMDGPUUsage, "Code Object"). So whoever has a descriptor's address finds the header before it, on a page's
//! boundary, and the symbol that has the descriptor's address.
//!
//! All of it is the client's to write: what does not fit together has no name. Nothing is searched for longer than
//! [`PAGES`] and [`SYMBOLS`] say.

use crate::host::Host;
use hsa_queue::memory::Access;

const PAGE: u64 = 4096;
/// The most pages before a descriptor on which its code object's header may lie.
const PAGES: u64 = 4096;
/// The most symbols that are looked at.
const SYMBOLS: u64 = 1 << 16;
/// The longest name.
const LONGEST: usize = 512;

/// The identification of a 64-bit little-endian ELF file.
const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];
/// `EM_AMDGPU`.
const MACHINE: u16 = 224;
/// `PT_DYNAMIC`.
const DYNAMIC: u32 = 2;
/// `DT_HASH`, whose second word counts the symbols; `DT_STRTAB`, `DT_SYMTAB`.
const HASH: u64 = 4;
const STRTAB: u64 = 5;
const SYMTAB: u64 = 6;
/// The end of a descriptor's symbol.
const SUFFIX: &str = ".kd";

/// The name of the kernel whose descriptor lies at `kernel_object`; none when that cannot be told, or not now.
pub fn kernel_name(host: &mut impl Host, kernel_object: u64) -> Option<String> {
    let mut object = Object { host, base: 0 };
    object.base = object.header(kernel_object)?;
    let [symbols, names, hash] = object.tables()?;
    let count = u64::from(object.u32(hash + 4)?).min(SYMBOLS);
    let wanted = kernel_object - object.base;
    let found = (0..count).map(|index| symbols + 24 * index).find_map(|symbol| {
        // `struct Elf64_Sym`: the name first, the value after eight bytes.
        (object.u64(symbol + 8)? == wanted).then(|| object.u32(symbol))?
    })?;
    let name = object.text(names + u64::from(found))?;
    name.strip_suffix(SUFFIX).map(str::to_owned)
}

struct Object<'a, H> {
    host: &'a mut H,
    /// The address of the header.
    base: u64,
}

impl<H: Host> Object<'_, H> {
    fn bytes<const N: usize>(&mut self, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let va = self.base.checked_add(at)?;
        matches!(self.host.load(va, &mut bytes), Access::Ready(())).then_some(bytes)
    }

    fn u32(&mut self, at: u64) -> Option<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn u64(&mut self, at: u64) -> Option<u64> {
        self.bytes(at).map(u64::from_le_bytes)
    }

    /// The address of the header before an address.
    fn header(&mut self, address: u64) -> Option<u64> {
        let last = address / PAGE * PAGE;
        let mut pages = (0..PAGES).map_while(|back| last.checked_sub(back * PAGE));
        pages.find_map(|page| match self.bytes::<20>(page) {
            Some(bytes) if bytes.starts_with(&MAGIC) && bytes[18..] == MACHINE.to_le_bytes() => {
                Some(Some(page))
            }
            Some(_) => None,
            // A code object has no holes.
            None => Some(None),
        })?
    }

    /// Where symbols, names and hash table lie.
    fn tables(&mut self) -> Option<[u64; 3]> {
        // `struct Elf64_Ehdr`: e_phoff, e_phentsize, e_phnum.
        let (first, sizes) = (self.u64(32)?, self.bytes::<4>(54)?);
        let (each, count) =
            (u16::from_le_bytes([sizes[0], sizes[1]]), u16::from_le_bytes([sizes[2], sizes[3]]));
        let mut headers =
            (0..u64::from(count)).filter_map(|index| first.checked_add(index * u64::from(each)));
        // `struct Elf64_Phdr`: p_type, p_vaddr, p_memsz.
        let dynamic = headers.find(|header| self.u32(*header) == Some(DYNAMIC))?;
        let (start, size) = (self.u64(dynamic + 16)?, self.u64(dynamic + 40)?);
        let mut tables = [None; 3];
        for entry in (0..(size / 16).min(64)).filter_map(|index| start.checked_add(16 * index)) {
            let (tag, value) = (self.u64(entry)?, self.u64(entry + 8)?);
            let at = [SYMTAB, STRTAB, HASH].iter().position(|wanted| *wanted == tag);
            if let Some(at) = at {
                // Far from the end of all addresses, so that what is added to it does not wrap.
                tables[at] = Some(value).filter(|value| *value < 1 << 48);
            }
        }
        let [symbols, names, hash] = tables;
        Some([symbols?, names?, hash?])
    }

    /// The text at an offset, up to its zero.
    fn text(&mut self, at: u64) -> Option<String> {
        let mut text = Vec::new();
        while text.len() < LONGEST {
            let [byte] = self.bytes(at + text.len() as u64)?;
            if byte == 0 {
                return String::from_utf8(text).ok();
            }
            text.push(byte);
        }
        None
    }
}
