//! The C interface of `libchdb.so` (ClickHouse as a library): the one place with `unsafe`.
//!
//! Signatures are those of `chdb.h` of chdb-core 26.7. The library is loaded by path and never unloaded:
//! it starts threads of its own. Every result is copied out and freed before a method returns, so nothing
//! of the library's memory leaves this file.

#![expect(unsafe_code, reason = "the C interface of the embedded engine")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::NonNull;

use libloading::Library;

use super::EngineError;
use super::error::DbError;

type ConnectionHandle = *mut c_void;
type ResultHandle = *mut c_void;
type InsertHandle = *mut c_void;
/// connection, query, format, parameter names, their lengths, values, their lengths, how many.
type StartFn<T> = unsafe extern "C" fn(
    ConnectionHandle,
    *const u8,
    usize,
    *const u8,
    usize,
    *const *const u8,
    *const usize,
    *const *const u8,
    *const usize,
    usize,
) -> T;

/// The library's functions.
pub(super) struct Api {
    version: unsafe extern "C" fn() -> *const c_char,
    set_signal_handlers_enabled: unsafe extern "C" fn(c_int),
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut ConnectionHandle,
    close_conn: unsafe extern "C" fn(*mut ConnectionHandle),
    query: StartFn<ResultHandle>,
    stream_query: StartFn<ResultHandle>,
    stream_fetch: unsafe extern "C" fn(ConnectionHandle, ResultHandle) -> ResultHandle,
    stream_cancel: unsafe extern "C" fn(ConnectionHandle, ResultHandle),
    destroy_result: unsafe extern "C" fn(ResultHandle),
    stream_insert: StartFn<InsertHandle>,
    stream_append: unsafe extern "C" fn(InsertHandle, *const u8, usize) -> c_int,
    stream_done: unsafe extern "C" fn(InsertHandle) -> ResultHandle,
    stream_cancel_insert: unsafe extern "C" fn(InsertHandle),
    stream_insert_error: unsafe extern "C" fn(InsertHandle) -> *const c_char,
    destroy_insert: unsafe extern "C" fn(InsertHandle),
    result_buffer: unsafe extern "C" fn(ResultHandle) -> *const u8,
    result_length: unsafe extern "C" fn(ResultHandle) -> usize,
    result_error: unsafe extern "C" fn(ResultHandle) -> *const c_char,
    result_rows_read: unsafe extern "C" fn(ResultHandle) -> u64,
    storage_rows_read: unsafe extern "C" fn(ResultHandle) -> u64,
    storage_bytes_read: unsafe extern "C" fn(ResultHandle) -> u64,
    rows_written: unsafe extern "C" fn(ResultHandle) -> u64,
    bytes_written: unsafe extern "C" fn(ResultHandle) -> u64,
}

impl Api {
    /// Loads the library and looks every function up, so that a wrong version fails here and not later.
    pub(super) fn load(path: &Path) -> Result<&'static Self, EngineError> {
        let failed = |error: &dyn std::fmt::Display| EngineError::Library {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        // SAFETY: loading runs the library's initialisers; it is the pinned, hash-checked ClickHouse build.
        let library = unsafe { Library::new(path) }.map_err(|e| failed(&e))?;
        // Leaked on purpose: see the module's header.
        let library: &'static Library = Box::leak(Box::new(library));
        macro_rules! symbol {
            ($name:literal) => {
                // SAFETY: the field's type is the signature in chdb.h of the pinned version.
                *unsafe { library.get($name) }.map_err(|e| failed(&e))?
            };
        }
        let api = Self {
            version: symbol!(b"chdb_version"),
            set_signal_handlers_enabled: symbol!(b"chdb_set_signal_handlers_enabled"),
            connect: symbol!(b"chdb_connect"),
            close_conn: symbol!(b"chdb_close_conn"),
            query: symbol!(b"chdb_query_with_params_n"),
            stream_query: symbol!(b"chdb_stream_query_with_params_n"),
            stream_fetch: symbol!(b"chdb_stream_fetch_result"),
            stream_cancel: symbol!(b"chdb_stream_cancel_query"),
            destroy_result: symbol!(b"chdb_destroy_query_result"),
            stream_insert: symbol!(b"chdb_stream_insert_with_params_n"),
            stream_append: symbol!(b"chdb_stream_append"),
            stream_done: symbol!(b"chdb_stream_done"),
            stream_cancel_insert: symbol!(b"chdb_stream_cancel_insert"),
            stream_insert_error: symbol!(b"chdb_stream_insert_error"),
            destroy_insert: symbol!(b"chdb_destroy_insert_stream"),
            result_buffer: symbol!(b"chdb_result_buffer"),
            result_length: symbol!(b"chdb_result_length"),
            result_error: symbol!(b"chdb_result_error"),
            result_rows_read: symbol!(b"chdb_result_rows_read"),
            storage_rows_read: symbol!(b"chdb_result_storage_rows_read"),
            storage_bytes_read: symbol!(b"chdb_result_storage_bytes_read"),
            rows_written: symbol!(b"chdb_result_rows_written"),
            bytes_written: symbol!(b"chdb_result_bytes_written"),
        };
        // SAFETY: takes a flag, returns nothing. Without it the library would take over SIGTERM and SIGINT.
        unsafe { (api.set_signal_handlers_enabled)(0) };
        Ok(Box::leak(Box::new(api)))
    }

    /// The library's version, such as `26.7.3`.
    pub(super) fn version(&self) -> String {
        // SAFETY: returns null or a static text that ends with a zero byte.
        unsafe { text((self.version)()) }.unwrap_or_default()
    }
}

/// What a statement read and wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) read_rows: u64,
    pub(super) read_bytes: u64,
    pub(super) written_rows: u64,
    pub(super) written_bytes: u64,
    pub(super) result_rows: u64,
}

/// A value for `{name:Type}` in a statement.
pub(super) type Parameter = (String, String);

/// One connection to the data folder: one statement at a time.
pub(super) struct Connection {
    api: &'static Api,
    handle: NonNull<ConnectionHandle>,
}

// SAFETY: the library allows a connection to be used from any thread as long as one statement runs at a
// time; every method takes `&mut self` and `Connection` is not `Sync`, so two threads never use one at once.
unsafe impl Send for Connection {}

impl Connection {
    /// Opens a connection; `arguments` are those of `clickhouse local`, such as `--path=DIR`.
    pub(super) fn open(api: &'static Api, arguments: &[String]) -> Result<Self, EngineError> {
        let arguments = std::iter::once("streife")
            .chain(arguments.iter().map(String::as_str))
            .map(CString::new)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| EngineError::Config("the data folder's path holds a zero byte".to_owned()))?;
        let mut pointers: Vec<*mut c_char> = arguments.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(pointers.len()).unwrap_or(c_int::MAX);
        // SAFETY: `pointers` holds `count` texts that end with a zero byte and outlive the call; the library
        // reads them only.
        let handle = unsafe { (api.connect)(count, pointers.as_mut_ptr()) };
        // SAFETY: when the outer pointer is not null it points to one connection handle, null on failure.
        match NonNull::new(handle).filter(|handle| unsafe { !(*handle.as_ptr()).is_null() }) {
            Some(handle) => Ok(Self { api, handle }),
            None => Err(EngineError::Connect),
        }
    }

    fn raw(&self) -> ConnectionHandle {
        // SAFETY: checked in `open` to point to a live handle, which only `drop` closes.
        unsafe { *self.handle.as_ptr() }
    }

    fn start<T>(&self, start: StartFn<T>, sql: &[u8], format: &str, parameters: &[Parameter]) -> T {
        let names: Vec<_> = parameters.iter().map(|(name, _)| name.as_ptr()).collect();
        let name_lengths: Vec<_> = parameters.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<_> = parameters.iter().map(|(_, value)| value.as_ptr()).collect();
        let value_lengths: Vec<_> = parameters.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: every pointer goes with its length, the arrays have `parameters.len()` entries, and all of
        // it outlives the call; the library copies what it keeps.
        unsafe {
            start(
                self.raw(),
                sql.as_ptr(),
                sql.len(),
                format.as_ptr(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                parameters.len(),
            )
        }
    }

    /// Runs a statement and returns its whole output.
    pub(super) fn query(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
    ) -> Result<(Vec<u8>, Totals), DbError> {
        let result = QueryResult::new(self.api, self.start(self.api.query, sql, format, parameters))?;
        let mut totals = Totals::default();
        result.add_to(&mut totals);
        Ok((result.bytes(), totals))
    }

    /// Runs a query and hands its output over in chunks; stops early when `sink` returns false.
    pub(super) fn stream(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
        mut sink: impl FnMut(Vec<u8>) -> bool,
    ) -> Result<Totals, DbError> {
        let query = QueryResult::new(self.api, self.start(self.api.stream_query, sql, format, parameters))?;
        let mut totals = Totals::default();
        loop {
            // SAFETY: both handles live; the library returns null or a result that we own.
            let chunk = unsafe { (self.api.stream_fetch)(self.raw(), query.handle.as_ptr()) };
            if chunk.is_null() {
                return Ok(totals);
            }
            let chunk = QueryResult::new(self.api, chunk)?;
            let rows = chunk.add_to(&mut totals);
            let bytes = chunk.bytes();
            if bytes.is_empty() && rows == 0 {
                return Ok(totals);
            }
            if !sink(bytes) {
                // SAFETY: both handles live; cancelling is allowed between two fetches.
                unsafe { (self.api.stream_cancel)(self.raw(), query.handle.as_ptr()) };
                return Ok(totals);
            }
        }
    }

    /// Runs an insert statement (without its `FORMAT` clause) with the data that `next` yields; `Ok(None)`
    /// ends and commits, an error cancels.
    pub(super) fn insert(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
        mut next: impl FnMut() -> Result<Option<Vec<u8>>, DbError>,
    ) -> Result<Totals, DbError> {
        let handle = self.start(self.api.stream_insert, sql, format, parameters);
        let insert = InsertStream { api: self.api, handle: NonNull::new(handle).ok_or_else(null_result)? };
        if let Some(error) = insert.error() {
            return Err(error);
        }
        loop {
            match next() {
                Err(error) => {
                    // SAFETY: the stream is open; after cancelling it is only destroyed.
                    unsafe { (self.api.stream_cancel_insert)(insert.handle.as_ptr()) };
                    return Err(error);
                }
                Ok(None) => {
                    // SAFETY: the stream is open; the result is ours.
                    let result = unsafe { (self.api.stream_done)(insert.handle.as_ptr()) };
                    let mut totals = Totals::default();
                    QueryResult::new(self.api, result)?.add_to(&mut totals);
                    return Ok(totals);
                }
                Ok(Some(bytes)) => {
                    // SAFETY: the stream is open and `bytes` outlives the call, which copies.
                    let failed = unsafe {
                        (self.api.stream_append)(insert.handle.as_ptr(), bytes.as_ptr(), bytes.len())
                    } != 0;
                    if failed {
                        return Err(insert.error().unwrap_or_else(|| DbError::internal("append refused")));
                    }
                }
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the handle came from `connect` and is closed once, here.
        unsafe { (self.api.close_conn)(self.handle.as_ptr()) }
    }
}

fn null_result() -> DbError {
    DbError::internal("the engine returned nothing")
}

/// A result that is freed with this value.
struct QueryResult {
    api: &'static Api,
    handle: NonNull<c_void>,
}

impl QueryResult {
    /// Takes the result over; a result that carries an error becomes that error.
    fn new(api: &'static Api, handle: ResultHandle) -> Result<Self, DbError> {
        let result = Self { api, handle: NonNull::new(handle).ok_or_else(null_result)? };
        // SAFETY: the handle lives as long as `result`; the text belongs to it and is copied.
        match unsafe { text((api.result_error)(handle)) } {
            Some(message) => Err(DbError::from_engine(message)),
            None => Ok(result),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let handle = self.handle.as_ptr();
        // SAFETY: the handle lives; buffer and length belong together and are copied before it is freed.
        unsafe {
            let (start, length) = ((self.api.result_buffer)(handle), (self.api.result_length)(handle));
            if start.is_null() || length == 0 {
                Vec::new()
            } else {
                std::slice::from_raw_parts(start, length).to_vec()
            }
        }
    }

    /// Adds this result's counts and returns its rows.
    fn add_to(&self, totals: &mut Totals) -> u64 {
        let handle = self.handle.as_ptr();
        // SAFETY: plain getters on a live handle.
        let (rows, read_rows, read_bytes, written_rows, written_bytes) = unsafe {
            (
                (self.api.result_rows_read)(handle),
                (self.api.storage_rows_read)(handle),
                (self.api.storage_bytes_read)(handle),
                (self.api.rows_written)(handle),
                (self.api.bytes_written)(handle),
            )
        };
        totals.result_rows += rows;
        totals.read_rows += read_rows;
        totals.read_bytes += read_bytes;
        totals.written_rows += written_rows;
        totals.written_bytes += written_bytes;
        rows
    }
}

impl Drop for QueryResult {
    fn drop(&mut self) {
        // SAFETY: ours, freed once, here.
        unsafe { (self.api.destroy_result)(self.handle.as_ptr()) }
    }
}

struct InsertStream {
    api: &'static Api,
    handle: NonNull<c_void>,
}

impl InsertStream {
    fn error(&self) -> Option<DbError> {
        // SAFETY: the handle lives; the text belongs to it and is copied.
        unsafe { text((self.api.stream_insert_error)(self.handle.as_ptr())) }.map(DbError::from_engine)
    }
}

impl Drop for InsertStream {
    fn drop(&mut self) {
        // SAFETY: ours, freed once, here.
        unsafe { (self.api.destroy_insert)(self.handle.as_ptr()) }
    }
}

/// Copies a C text.
///
/// # Safety
/// `text` is null or points to bytes that end with a zero byte and live during the call.
unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, and the rest is what the caller promises.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
