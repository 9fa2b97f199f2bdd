//! A server that most people test S3 programs with, and clients that nobody here wrote: moto, boto3 and awscli, from one Python
//! that `BILLKEEP_TEST_PYTHON` names. `.ci/run` installs it.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running server; dropping it ends it.
pub struct Moto {
    pub endpoint: String,
    python: PathBuf,
    child: Child,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    /// Starts it, if there is a Python that has it.
    pub fn start() -> Option<Moto> {
        let python = PathBuf::from(std::env::var_os("BILLKEEP_TEST_PYTHON")?);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(&python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Moto { endpoint: format!("http://127.0.0.1:{port}"), python, child };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(moto);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("moto does not answer on port {port}");
    }

    pub fn options(&self) -> Vec<String> {
        vec![format!("endpoint={}", self.endpoint), "allow_http=yes".into(), "region=us-east-1".into()]
    }

    /// Copies a prefix into a folder with awscli.
    #[track_caller]
    pub fn sync(&self, url: &str, folder: &std::path::Path) {
        let aws = self.python.with_file_name("aws");
        let output = Command::new(aws)
            .args(["--endpoint-url", &self.endpoint, "s3", "sync", url])
            .arg(folder)
            .env("AWS_ACCESS_KEY_ID", super::s3::KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", super::s3::SECRET)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
