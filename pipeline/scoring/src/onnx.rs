//! ONNX Runtime: loaded once in a process, from the pinned library.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::session::Session;

use crate::manifest::{Graph, Manifest};
use crate::{Device, ScoringError};

/// Where the library lies in the folder of native parts; the version is the one `ort` is pinned to.
pub const LIBRARY: &str = "onnxruntime-1.31.1/libonnxruntime.so";

/// One environment a process: the first library loaded stays.
static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

fn environment(parts: &Path) -> Result<&'static Environment, ScoringError> {
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let path: PathBuf = parts.join(LIBRARY);
    let failed = |message: String| ScoringError::Runtime { path: path.clone(), message };
    if !path.is_file() {
        return Err(failed("the file is not there".to_owned()));
    }
    let builder = ort::init_from(&path).map_err(|error| failed(error.to_string()))?;
    let environment = builder.with_name("streife").build().map_err(|error| failed(error.to_string()))?;
    Ok(ENVIRONMENT.get_or_init(|| environment))
}

/// A session over `model` on one thread (CPU) or device (CUDA), its inputs and outputs checked against the manifest.
pub(crate) fn session(
    parts: &Path,
    device: Device,
    manifest: &Manifest,
    graph: &Graph,
    model: &[u8],
) -> Result<Session, ScoringError> {
    let environment = environment(parts)?;
    let failed = |error: ort::Error| ScoringError::Session {
        model: manifest.header.name.clone(),
        message: error.to_string(),
    };
    let mut builder = Session::builder(environment).map_err(failed)?;
    builder = builder.with_intra_threads(1).map_err(|error| failed(error.into()))?;
    builder = builder.with_intra_op_spinning(false).map_err(|error| failed(error.into()))?;
    builder = builder.with_inter_op_spinning(false).map_err(|error| failed(error.into()))?;
    if let Device::Cuda(number) = device {
        builder = on_cuda(builder, device, number)?;
    }
    let session = builder.commit_from_memory(model).map_err(failed)?;
    check_graph(&session, manifest, graph)?;
    Ok(session)
}

#[cfg(feature = "cuda")]
fn on_cuda(
    builder: ort::session::builder::SessionBuilder,
    device: Device,
    number: u32,
) -> Result<ort::session::builder::SessionBuilder, ScoringError> {
    use ort::ep::{CUDA, ExecutionProvider};
    let failed = |message: String| ScoringError::Device { device: device.to_string(), message };
    if !CUDA::is_available().unwrap_or(false) {
        return Err(failed(format!(
            "this ONNX Runtime was built without CUDA; put the library of the GPU build (onnxruntime-gpu 1.31.1 with libonnxruntime_providers_cuda.so beside it) at {LIBRARY} in the folder of native parts"
        )));
    }
    let number = i32::try_from(number).map_err(|_| failed("no such device number".to_owned()))?;
    let provider = CUDA::default().with_device_id(number).build().error_on_failure();
    builder.with_execution_providers([provider]).map_err(|error| {
        failed(format!(
            "{error}; needed are an NVIDIA driver (libcuda.so.1), CUDA 13 (libcudart.so.13, libcublas.so.13, libcublasLt.so.13, libcurand.so.10) and cuDNN 9 where the loader finds them"
        ))
    })
}

#[cfg(not(feature = "cuda"))]
fn on_cuda(
    _: ort::session::builder::SessionBuilder,
    device: Device,
    _: u32,
) -> Result<ort::session::builder::SessionBuilder, ScoringError> {
    let message = "this build has no CUDA support; build with `--features cuda`, or use --device cpu";
    Err(ScoringError::Device { device: device.to_string(), message: message.to_owned() })
}

fn check_graph(session: &Session, manifest: &Manifest, graph: &Graph) -> Result<(), ScoringError> {
    let inputs: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
    let output = session.outputs().iter().find(|output| output.name() == graph.output);
    let width = output.and_then(|output| output.dtype().tensor_shape()?.last().copied());
    let same_inputs = inputs.len() == 2 && graph.inputs.iter().all(|name| inputs.contains(&name.as_str()));
    let heads = i64::try_from(manifest.heads.len()).unwrap_or(i64::MAX);
    if same_inputs && width.is_some_and(|width| width == heads || width == -1) {
        return Ok(());
    }
    let outputs: Vec<&str> = session.outputs().iter().map(|output| output.name()).collect();
    let width = width
        .map_or_else(|| "no such output".to_owned(), |width| format!("{width} values in {:?}", graph.output));
    Err(ScoringError::WrongGraph {
        model: manifest.header.name.clone(),
        expected: format!("inputs {:?}, {heads} values in {:?}", graph.inputs, graph.output),
        found: format!("inputs {inputs:?}, outputs {outputs:?}, {width}"),
    })
}
