//! Six functions of Hyperscan's C interface, and a safe face for them.

use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr::{null, null_mut};

const BLOCK_MODE: c_uint = 1;

type Handler = extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;

#[rustfmt::skip]
unsafe extern "C" {
    fn hs_compile_lit_multi(expressions: *const *const c_char, flags: *const c_uint, ids: *const c_uint, lens: *const usize, elements: c_uint, mode: c_uint, platform: *const c_void, db: *mut *mut c_void, error: *mut *mut c_void) -> c_int;
    fn hs_alloc_scratch(db: *const c_void, scratch: *mut *mut c_void) -> c_int;
    fn hs_scan(db: *const c_void, data: *const c_char, length: c_uint, flags: c_uint, scratch: *mut c_void, handler: Handler, context: *mut c_void) -> c_int;
    fn hs_free_scratch(scratch: *mut c_void) -> c_int;
    fn hs_free_database(db: *mut c_void) -> c_int;
    fn hs_database_size(db: *const c_void, size: *mut usize) -> c_int;
}

pub struct Hyperscan {
    database: *mut c_void,
    scratch: *mut c_void,
}

impl Hyperscan {
    pub fn new(terms: &[String]) -> Self {
        let pointers: Vec<*const c_char> = terms.iter().map(|term| term.as_ptr().cast()).collect();
        let lengths: Vec<usize> = terms.iter().map(String::len).collect();
        let ids: Vec<c_uint> = (0..terms.len() as c_uint).collect();
        let flags = vec![0; terms.len()];
        let (mut database, mut scratch, mut error) = (null_mut(), null_mut(), null_mut());
        // SAFETY: all arrays have `terms.len()` elements and outlive the call; the results are checked.
        let results = unsafe {
            let count = terms.len() as c_uint;
            let compiled = hs_compile_lit_multi(pointers.as_ptr(), flags.as_ptr(), ids.as_ptr(), lengths.as_ptr(), count, BLOCK_MODE, null(), &mut database, &mut error);
            (compiled, if compiled == 0 { hs_alloc_scratch(database, &mut scratch) } else { -1 })
        };
        assert_eq!(results, (0, 0), "Hyperscan did not compile");
        Self { database, scratch }
    }

    pub fn bytes(&self) -> usize {
        let mut size = 0;
        // SAFETY: the database is one that was compiled.
        unsafe { hs_database_size(self.database, &mut size) };
        size
    }

    /// Calls `found` with term and end of every occurrence.
    pub fn scan<F: FnMut(usize, usize)>(&self, text: &str, found: &mut F) {
        extern "C" fn each<F: FnMut(usize, usize)>(id: c_uint, _: c_ulonglong, to: c_ulonglong, _: c_uint, context: *mut c_void) -> c_int {
            // SAFETY: `context` is the `&mut F` passed to `hs_scan` below, alive while it runs.
            let found = unsafe { &mut *context.cast::<F>() };
            found(id as usize, to as usize);
            0
        }
        // SAFETY: text, database and scratch are alive; the handler gets what it expects.
        unsafe {
            hs_scan(self.database, text.as_ptr().cast(), text.len() as c_uint, 0, self.scratch, each::<F>, std::ptr::from_mut(found).cast());
        }
    }
}

impl Drop for Hyperscan {
    fn drop(&mut self) {
        // SAFETY: both were made in `new` and are freed once.
        unsafe {
            hs_free_scratch(self.scratch);
            hs_free_database(self.database);
        }
    }
}
