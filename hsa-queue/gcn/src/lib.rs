//! The instruction sets of AMD's compute units as data.
//!
//! ```text
//! words ──gfx9::decode──► Inst { row, form, operands, modifiers } ──Display──► LLVM's syntax
//!                           │
//!                           └─ row: one line of the table: format, opcode, mnemonic, operands, and the neutral
//!                              operation (Op), which other generations' tables will name too
//! ```
//!
//! The table (`gfx9/`) is kept by hand and checked both ways against LLVM's assembler by the crate's tests: a word is
//! accepted here if and only if LLVM's disassembler accepts it, it reads the same, and the text assembles to the word.
//! The classes without which compute kernels do (images, typed buffers, exports, interpolation) are refused by name.
//!
//! Not for: what an instruction does. No I/O, no unsafe code.

#![forbid(unsafe_code)]

mod constant;
mod display;
mod field;
pub mod gfx9;
mod inst;
mod modifier;
mod op;
mod operand;
pub mod row;

pub use constant::Constant;
pub use inst::{Bound, DecodeError, Form, Inst};
pub use modifier::{Dpp, Modifiers, Sdwa, SdwaSel, Unused};
pub use op::Op;
pub use operand::{BufferOffset, Operand, ScalarReg};
