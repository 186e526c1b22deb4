//! Code objects as a compiler makes them: what of ELF a loader of one needs.

use std::path::Path;
use std::process::Command;

/// The compiler's program; Debian's is known to give the words that are kept.
const CLANG: &str = "clang-15";

/// Segments as they lie in memory, from address 0 on.
pub struct Object {
    pub image: Vec<u8>,
    /// The segment of code: first byte and the one after the last.
    pub code: (usize, usize),
    symbols: Vec<(String, u64)>,
}

impl Object {
    /// The address of a symbol.
    pub fn symbol(&self, name: &str) -> u64 {
        let found = self.symbols.iter().find(|(symbol, _)| symbol == name);
        found.unwrap_or_else(|| panic!("no symbol {name}")).1
    }

    /// The kernels and the addresses of their descriptors.
    pub fn descriptors(&self) -> Vec<(String, u64)> {
        let kernels = self.symbols.iter().filter_map(|(symbol, at)| Some((symbol.strip_suffix(".kd")?, *at)));
        kernels.map(|(name, at)| (name.to_owned(), at)).collect()
    }

    /// The descriptor of a kernel with its code right behind it, as `Machine::compiled` takes them: words as text.
    pub fn words(&self, kernel: &str) -> String {
        let at = self.symbol(&format!("{kernel}.kd")) as usize;
        let (first, end) = self.code;
        let mut bytes = [&self.image[at..at + 64], &self.image[first..end]].concat();
        let entry = i64::from_le_bytes(bytes[16..24].try_into().expect("eight bytes"));
        let moved = entry + at as i64 - first as i64 + 64;
        bytes[16..24].copy_from_slice(&moved.to_le_bytes());
        let words: Vec<String> =
            bytes.as_chunks().0.iter().map(|word| format!("{:08x}", u32::from_le_bytes(*word))).collect();
        words.chunks(16).map(|line| line.join(" ") + "\n").collect()
    }

    pub fn read(file: &[u8]) -> Self {
        let number = |at: u64, bytes: usize| {
            let at = at as usize;
            file[at..at + bytes].iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        let headers = |at: u64, each: u64, count: u64| (0..count).map(move |index| at + index * each);
        let mut object = Self { image: Vec::new(), code: (0, 0), symbols: Vec::new() };
        // PT_LOAD segments; the executable one is the code.
        for header in headers(number(32, 8), number(54, 2), number(56, 2)).filter(|at| number(*at, 4) == 1) {
            let (from, at, size) =
                (number(header + 8, 8), number(header + 16, 8) as usize, number(header + 32, 8));
            let end = at + number(header + 40, 8) as usize;
            object.image.resize(object.image.len().max(end), 0);
            let bytes = &file[from as usize..(from + size) as usize];
            object.image[at..at + bytes.len()].copy_from_slice(bytes);
            if number(header + 4, 4) & 1 != 0 {
                object.code = (at, end);
            }
        }
        let sections: Vec<u64> = headers(number(40, 8), number(58, 2), number(60, 2)).collect();
        // SHT_DYNSYM.
        for section in sections.iter().filter(|at| number(**at + 4, 4) == 11) {
            let names = number(sections[number(section + 40, 4) as usize] + 24, 8);
            for symbol in headers(number(section + 24, 8), 24, number(section + 32, 8) / 24) {
                let name = (names + number(symbol, 4)) as usize;
                let name = file[name..].split(|byte| *byte == 0).next().unwrap_or_default();
                object.symbols.push((String::from_utf8_lossy(name).into_owned(), number(symbol + 8, 8)));
            }
        }
        // SHT_RELA has nothing here: position-independent code without tables.
        assert!(sections.iter().all(|at| number(at + 4, 4) != 4), "relocations");
        object
    }
}

/// Whether the compiler is there.
pub fn can_compile() -> bool {
    Command::new(CLANG).arg("--version").output().is_ok_and(|out| {
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        out.status.success() && text.contains("Debian") && Path::new("/usr/bin/ld.lld-15").exists()
    })
}

/// Compiles OpenCL C for gfx900 with further arguments.
pub fn compile(source: &Path, arguments: &[&str]) -> Object {
    let folder =
        std::env::temp_dir().join(format!("waves-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let out = folder.join("object");
    let ran = Command::new(CLANG)
        .args(["-x", "cl", "-cl-std=CL2.0", "-cl-fp32-correctly-rounded-divide-sqrt"])
        .args(["-target", "amdgcn-amd-amdhsa", "-mcpu=gfx900", "-o"])
        .arg(&out)
        .args(arguments)
        .arg(source)
        .output()
        .expect("the compiler runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let file = std::fs::read(&out).expect("an object");
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    Object::read(&file)
}
