//! Gather and scatter, as functions of the table's entries and the client's bytes.

use door::gather::{PIECE, Plan, scatter, scattered};
use kfd_core::abi::admitted::Admitted;
use kfd_core::abi::chain::Chain;
use kfd_core::abi::ioc;
use kfd_core::abi::spec::{Count, Flow, Ioctl, Pointer};
use kfd_core::abi::table;
use kfd_core::call::{Errno, Gathered, UserWrite};
use kfd_core::ids::{Tgid, UserVa};
use kfd_core::notice::{Lack, Missing, UserAccess, UserAnswer};
use proptest::prelude::*;

const IDS: Pointer = Pointer {
    name: "ids",
    offset: 0,
    count: Count::Field { offset: 8, width: 4 },
    element: 4,
    flow: Flow::In,
    cap: 64,
    over: libc::EINVAL,
};
const RESULT: Pointer = Pointer { name: "result", offset: 16, flow: Flow::Out, ..IDS };
const BLOB: Pointer = Pointer {
    name: "blob",
    offset: 24,
    count: Count::Field { offset: 32, width: 8 },
    element: 24,
    flow: Flow::InOut,
    cap: 10_000,
    over: libc::ENOMEM,
};
const HEADER: Pointer = Pointer { name: "header", offset: 40, count: Count::Fixed(1), element: 16, ..IDS };

/// What is read for a call whose struct is `arg`.
fn plan_of(row: &Ioctl, arg: &[u8]) -> Result<Plan, Errno> {
    Plan::new(&Admitted::new(row, arg).expect("no longer than any"))
}

fn ioctl(pointers: &'static [Pointer]) -> Ioctl {
    Ioctl { cmd: 0xc030_4b7f, name: "TEST", pointers, ..Ioctl::PLAIN }
}

fn arg(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn an_in_pointer_is_read_as_its_count_says_and_an_out_pointer_is_not() {
    let ioctl = ioctl(&[IDS, RESULT]);
    let mut plan = plan_of(&ioctl, &arg(&[0x1000, 3, 0x2000])).unwrap();
    assert!(!plan.is_empty());
    assert_eq!(plan.take_accesses(), [UserAccess::Read { va: UserVa(0x1000), len: 12 }]);
    let Gathered { pointers: entries, .. } = plan.collect(vec![UserAnswer::Done(vec![7; 12])]).unwrap();
    assert_eq!(entries, [vec![7; 12], vec![]]);
}

// Keeps: chains-gathered
#[test]
fn what_a_chain_points_at_is_read_step_by_step_until_there_is_nothing_more() {
    let header =
        |words: u32, va: u64| [&1u32.to_le_bytes()[..], &words.to_le_bytes(), &va.to_le_bytes()].concat();
    let mut entries = vec![arg(&[0x1000, 0x2000])];
    let mut headers = Plan::further(Chain::Chunks, &mut entries).unwrap();
    let read = |va, len| UserAccess::Read { va: UserVa(va), len };
    assert_eq!(headers.take_accesses(), [read(0x1000, 16), read(0x2000, 16)]);
    entries.extend([header(8, 0x3000), header(0, 0)]);
    let mut words = Plan::further(Chain::Chunks, &mut entries).unwrap();
    assert_eq!(words.take_accesses(), [read(0x3000, 32)], "a chunk without words is not read");
    let gathered = words.collect(vec![UserAnswer::Done(vec![9; 32])]).unwrap();
    assert_eq!(gathered.pointers, [vec![9; 32], vec![]]);
    entries.extend(gathered.pointers);
    assert!(Plan::further(Chain::Chunks, &mut entries).unwrap().is_empty());

    let mut empty = vec![arg(&[0x1000]), header(0, 0)];
    assert!(Plan::further(Chain::Chunks, &mut empty).unwrap().is_empty());
    assert_eq!(empty.len(), 3, "what has no bytes is there at once");
    for (entries, errno) in [
        (vec![arg(&[0])], libc::EFAULT),
        (vec![arg(&[0x1000]), header(2, 0)], libc::EFAULT),
        (vec![arg(&[0x1000]), header(u32::MAX, 0x3000)], libc::ENOMEM),
    ] {
        assert_eq!(Plan::further(Chain::Chunks, &mut entries.clone()), Err(Errno(errno)));
    }
}

#[test]
fn a_count_of_zero_reads_nothing_whatever_the_pointer() {
    for va in [0, 0x1000, u64::MAX] {
        let plan = plan_of(&ioctl(&[IDS]), &arg(&[va, 0])).unwrap();
        assert!(plan.is_empty());
        assert_eq!(plan.collect(vec![]).unwrap().pointers, [vec![]]);
    }
}

#[test]
fn a_null_pointer_with_a_count_is_efault() {
    assert_eq!(plan_of(&ioctl(&[IDS]), &arg(&[0, 1])), Err(Errno(libc::EFAULT)));
}

#[test]
fn a_range_that_wraps_around_is_efault() {
    assert_eq!(plan_of(&ioctl(&[IDS]), &arg(&[u64::MAX - 3, 1])), Err(Errno(libc::EFAULT)));
}

#[test]
fn more_than_the_cap_is_the_errno_of_the_spec() {
    assert_eq!(plan_of(&ioctl(&[IDS]), &arg(&[0x1000, 65])), Err(Errno(libc::EINVAL)));
    assert_eq!(plan_of(&ioctl(&[BLOB]), &arg(&[0, 0, 0, 0x1000, u64::MAX])), Err(Errno(libc::ENOMEM)));
}

#[test]
fn a_call_that_is_always_refused_reads_nothing() {
    let ioctl = Ioctl { refused: Some(libc::EINVAL), ..ioctl(&[IDS, BLOB]) };
    let plan = plan_of(&ioctl, &arg(&[0, 65, 0, 0, 1])).unwrap();
    assert!(plan.is_empty());
    assert_eq!(plan.collect(vec![]).unwrap().pointers, [vec![], vec![]]);
}

#[test]
fn a_short_struct_reads_as_if_zeros_followed() {
    let plan = plan_of(&ioctl(&[IDS]), &0x1000u64.to_le_bytes()).unwrap();
    assert!(plan.is_empty());
    assert_eq!(plan_of(&ioctl(&[HEADER]), &[]), Err(Errno(libc::EFAULT)));
}

#[test]
fn a_long_read_is_split_and_put_together_again() {
    let len = 10_000 * 24;
    let mut plan = plan_of(&ioctl(&[BLOB]), &arg(&[0, 0, 0, 0x10_0000, 10_000])).unwrap();
    let accesses = plan.take_accesses();
    assert_eq!(accesses.len(), len / PIECE + 1);
    let memory: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    let answers = accesses
        .iter()
        .map(|access| {
            let UserAccess::Read { va, len } = access else { panic!("a gather only reads") };
            let at = (va.0 - 0x10_0000) as usize;
            UserAnswer::Done(memory[at..at + *len as usize].to_vec())
        })
        .collect();
    assert_eq!(plan.collect(answers).unwrap().pointers, [memory]);
}

// Keeps: pointers-checked
#[test]
fn a_failed_a_missing_and_a_short_answer_are_efault() {
    let plan = plan_of(&ioctl(&[IDS]), &arg(&[0x1000, 3])).unwrap();
    for answers in [vec![UserAnswer::Failed], vec![], vec![UserAnswer::Done(vec![0; 11])]] {
        assert_eq!(plan.collect(answers).unwrap_err(), Errno(libc::EFAULT));
    }
}

#[test]
fn a_scatter_keeps_order_and_splits_long_writes() {
    let long: Vec<u8> = (0..PIECE + 5).map(|at| (at % 251) as u8).collect();
    let writes = vec![
        UserWrite { va: UserVa(0x10), bytes: vec![1, 2] },
        UserWrite { va: UserVa(0x20), bytes: vec![] },
        UserWrite { va: UserVa(0x10_0000), bytes: long.clone() },
    ];
    let pieces = scatter(writes);
    assert_eq!(
        pieces,
        [
            UserAccess::Write { va: UserVa(0x10), bytes: vec![1, 2] },
            UserAccess::Write { va: UserVa(0x10_0000), bytes: long[..PIECE].to_vec() },
            UserAccess::Write { va: UserVa(0x11_0000), bytes: long[PIECE..].to_vec() },
        ]
    );
    assert_eq!(scattered(&[UserAnswer::Done(vec![])]), Ok(()));
    assert_eq!(scattered(&[UserAnswer::Done(vec![]), UserAnswer::Failed]), Err(Errno(libc::EFAULT)));
}

proptest! {
    #[test]
    fn whatever_the_struct_holds_a_plan_stays_within_the_caps(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let ioctl = ioctl(&[IDS, RESULT, BLOB, HEADER]);
        if let Ok(mut plan) = plan_of(&ioctl, &bytes) {
            let mut total = 0usize;
            for access in plan.take_accesses() {
                let UserAccess::Read { va, len } = access else { panic!("a gather only reads") };
                prop_assert!(len as usize <= PIECE && va.0.checked_add(u64::from(len)).is_some());
                total += len as usize;
            }
            prop_assert!(total <= 64 * 4 + 10_000 * 24 + 16);
        }
    }

    #[test]
    fn small_counts_make_a_plan_that_collects_what_was_read(
        va in 1u64..1 << 47, count in 0u64..64, blob in 1u64..1 << 47, blobs in 0u64..10_000,
    ) {
        let ioctl = ioctl(&[IDS, RESULT, BLOB]);
        let mut plan = plan_of(&ioctl, &arg(&[va, count, 0, blob, blobs])).unwrap();
        let answers = plan.take_accesses().iter().map(|access| {
            let UserAccess::Read { len, .. } = access else { panic!("a gather only reads") };
            UserAnswer::Done(vec![1; *len as usize])
        }).collect();
        let lengths: Vec<usize> = plan.collect(answers).unwrap().pointers.iter().map(Vec::len).collect();
        prop_assert_eq!(lengths, vec![count as usize * 4, 0, blobs as usize * 24]);
    }
}

proptest! {
    /// The most that any call of the real table makes a door read: what a client can ask of the workers with one call.
    #[test]
    fn no_struct_makes_the_real_table_read_more_than_its_caps(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        for ioctl in kfd_core::abi::table::rows() {
            if let Ok(mut plan) = plan_of(ioctl, &bytes) {
                let cap: usize = ioctl.pointers.iter().map(|pointer| pointer.cap as usize * pointer.element).sum();
                let read: usize = plan.take_accesses().iter().map(|access| {
                    let UserAccess::Read { len, .. } = access else { panic!("a gather only reads") };
                    *len as usize
                }).sum();
                prop_assert!(read <= cap, "{}", ioctl.name);
            }
        }
    }
}

// Keeps: svm-holes
#[test]
fn a_call_about_memory_looks_whether_it_is_there_and_tells_when_it_could() {
    let row = table::lookup(ioc::iowr(b'K', 0x20, 24)).unwrap();
    let arg = arg(&[0x7000, 0x2000, 0]);
    let plan = || plan_of(row, &arg).unwrap().looking(&Admitted::new(row, &arg).unwrap(), Tgid(7));
    assert!(!plan().is_empty());
    let looks = UserAccess::Survey { tgid: Tgid(7), va: UserVa(0x7000), bytes: 0x2000 };
    assert_eq!(plan().take_accesses(), [looks]);
    let lack = |va, what| Lack { va: UserVa(va), bytes: 0x1000, what };
    let told = |lacks: &[Lack]| UserAnswer::Done(lacks.iter().flat_map(|lack| lack.encode()).collect());
    let three =
        [lack(0x7000, Missing::Write), lack(0x8000, Missing::Memory), lack(0x9000, Missing::Read)].to_vec();
    for (answers, lacks) in [
        (vec![UserAnswer::Done(vec![])], Some(vec![])),
        (vec![told(&three)], Some(three)),
        (vec![UserAnswer::Failed], None),
        (vec![], None),
    ] {
        assert_eq!(plan().collect(answers).unwrap().lacks, lacks);
    }
    assert_eq!(Lack::of(&UserAnswer::Failed), []);
    let other = table::lookup(ioc::iowr(b'K', 0x05, 40)).unwrap();
    assert!(
        plan_of(other, &[0; 40])
            .unwrap()
            .looking(&Admitted::new(other, &[0; 40]).unwrap(), Tgid(7))
            .is_empty()
    );
}

// Keeps: userptr-there
#[test]
fn an_allocation_looks_at_the_memory_of_a_userptr_and_at_no_other() {
    let row = table::lookup(ioc::iowr(b'K', 0x16, 40)).unwrap();
    let looked = |flags: u32| {
        let arg = arg(&[0x1000, 0x4000, 0, 0x7000, u64::from(flags) << 32]);
        plan_of(row, &arg).unwrap().looking(&Admitted::new(row, &arg).unwrap(), Tgid(7)).take_accesses()
    };
    let (vram, gtt, userptr, twice) = (1, 2, 4, 1 << 27);
    let survey = |bytes| vec![UserAccess::Survey { tgid: Tgid(7), va: UserVa(0x7000), bytes }];
    assert_eq!(looked(userptr), survey(0x4000));
    assert_eq!(looked(userptr | twice), survey(0x2000), "a ring that is mapped twice has half of it");
    for other in [vram, gtt, vram | userptr, gtt | userptr, 0, 8, 16] {
        assert_eq!(looked(other), [], "{other:#x}");
    }
}
