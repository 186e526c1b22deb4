//! The command words of the calls this client makes, read from the ABI table at compile time.

use kfd_core::abi::table::KFD;

/// The command word of the row called `name`; a name that is not in the table does not compile in a constant.
#[must_use]
pub const fn command(name: &str) -> u32 {
    let mut row = 0;
    while row < KFD.len() {
        if same(KFD[row].name, name) {
            return KFD[row].cmd;
        }
        row += 1;
    }
    panic!("no call of that name in the ABI table")
}

const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

macro_rules! commands {
    ($($name:ident),* $(,)?) => {
        $(
            #[doc = concat!("`AMDKFD_IOC_", stringify!($name), "`.")]
            pub const $name: u32 = command(stringify!($name));
        )*
    };
}

commands! {
    ACQUIRE_VM,
    ALLOC_QUEUE_GWS,
    ALLOC_MEMORY_OF_GPU,
    CREATE_EVENT,
    CREATE_QUEUE,
    DESTROY_EVENT,
    DESTROY_QUEUE,
    FREE_MEMORY_OF_GPU,
    GET_CLOCK_COUNTERS,
    GET_PROCESS_APERTURES_NEW,
    GET_VERSION,
    MAP_MEMORY_TO_GPU,
    SET_EVENT,
    SET_XNACK_MODE,
    SVM,
    UNMAP_MEMORY_FROM_GPU,
    WAIT_EVENTS,
}
