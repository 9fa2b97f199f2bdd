//! An S3 server in this process: a bucket is a folder, and requests are signed. It is not ours: the `s3s` crates.

use std::net::SocketAddr;
use std::path::PathBuf;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::host::MultiDomain;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// In the form that the strictest of the servers wants: made up, and good for nothing else.
pub const KEY_ID: &str = "GKb111cee9b111cee9b111cee9";
pub const SECRET: &str = "7c41b111cee97c41b111cee97c41b111cee97c41b111cee97c41b111cee97c41";
/// What COS's hosts end in, for a bucket of that region.
pub const COS_DOMAIN: &str = "cos.ap-guangzhou.myqcloud.com";

/// A running server; dropping it ends it.
pub struct Server {
    pub address: SocketAddr,
    folder: tempfile::TempDir,
    _runtime: Runtime,
}

impl Server {
    pub fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let service = {
            let files = s3s_fs::FileSystem::new(folder.path()).unwrap();
            let mut builder = S3ServiceBuilder::new(files);
            builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
            builder.set_host(MultiDomain::new([COS_DOMAIN]).unwrap());
            builder.build()
        };
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                let service = service.clone();
                tokio::spawn(async move {
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        Server { address, folder, _runtime: runtime }
    }

    /// Makes a bucket, and returns its folder.
    pub fn bucket(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The options that lead `s3:` here.
    pub fn s3_options(&self) -> Vec<String> {
        vec![format!("endpoint={}", self.endpoint()), "allow_http=yes".into(), "region=us-east-1".into()]
    }

    /// The options that lead `cos:` here: the host stays COS's, and a proxy brings it to this machine.
    pub fn cos_options(&self) -> Vec<String> {
        vec![format!("proxy={}", self.endpoint()), "allow_http=yes".into(), "region=ap-guangzhou".into()]
    }
}

/// Looks names up as if the right keys were in the environment.
pub fn keys(name: &str) -> Option<String> {
    match name {
        "AWS_ACCESS_KEY_ID" => Some(KEY_ID.to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(SECRET.to_owned()),
        _ => None,
    }
}
