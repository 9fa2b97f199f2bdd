//! Servers and clients that nobody here wrote, each a process of its own: moto and `s3s-fs` serve; awscli, boto3 and rclone read.
//! `BILLKEEP_TEST_PYTHON` names a Python that has `moto[server]` and `awscli`, `BILLKEEP_TEST_S3S_FS` the program; `rclone` is looked
//! for where programs are. `.ci/run` installs them all. `BILLKEEP_TEST_GARAGE` names the program `garage`, or is `1` for the one on the path; it
//! takes a quarter of an hour to build, so that `.ci/run` does without unless that is said.

use std::ffi::OsStr;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::s3::{COS_DOMAIN, KEY_ID, SECRET};

/// A running server; dropping it ends it.
pub struct Real {
    pub endpoint: String,
    child: Child,
    /// Where it keeps what it is given, if that is a folder.
    folder: Option<tempfile::TempDir>,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Real {
    /// Starts the server that most people test S3 programs with, if there is a Python that has it.
    pub fn moto() -> Option<Real> {
        let python = python()?;
        let args = |port: u16| {
            let port = port.to_string();
            ["-m", "moto.server", "-H", "127.0.0.1", "-p", &port].map(str::to_owned).to_vec()
        };
        Some(Real::start(&python, args, None))
    }

    /// Starts a server that keeps objects in a folder, if there is one.
    pub fn s3s_fs() -> Option<Real> {
        let program = PathBuf::from(std::env::var_os("BILLKEEP_TEST_S3S_FS")?);
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap().to_owned();
        let args = |port: u16| {
            let port = port.to_string();
            let args = [
                "--host",
                "127.0.0.1",
                "--port",
                &port,
                "--access-key",
                KEY_ID,
                "--secret-key",
                SECRET,
                &root,
            ];
            args.map(str::to_owned).to_vec()
        };
        Some(Real::start(&program, args, Some(folder)))
    }

    /// Starts the server that people run on machines of their own, if there is one. It makes `bucket`, and knows no
    /// condition on a write: it replaces what is there.
    pub fn garage(bucket: &str) -> Option<Real> {
        let program = std::env::var_os("BILLKEEP_TEST_GARAGE")?;
        let program = if program == "1" { PathBuf::from("garage") } else { PathBuf::from(program) };
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("garage.toml");
        let of = config.to_str().unwrap().to_owned();
        let args = |port: u16| {
            let text = format!(
                "metadata_dir = {meta:?}\ndata_dir = {data:?}\ndb_engine = \"sqlite\"\nreplication_factor = 1\n\
                 rpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\nrpc_secret = \"{SECRET}\"\n\
                 [s3_api]\ns3_region = \"us-east-1\"\napi_bind_addr = \"127.0.0.1:{port}\"\n\
                 root_domain = \".{COS_DOMAIN}\"\n[admin]\n",
                meta = folder.path().join("meta"),
                data = folder.path().join("data"),
                rpc = free_port(),
            );
            std::fs::write(&config, text).unwrap();
            ["-c", &of, "server", "--single-node", "--default-bucket"].map(str::to_owned).to_vec()
        };
        let mut command = Command::new(program);
        command
            .env("GARAGE_DEFAULT_ACCESS_KEY", KEY_ID)
            .env("GARAGE_DEFAULT_SECRET_KEY", SECRET)
            .env("GARAGE_DEFAULT_BUCKET", bucket);
        let mut real = Real::start_with(command, args);
        real.folder = Some(folder);
        Some(real)
    }

    fn start(program: &Path, args: impl Fn(u16) -> Vec<String>, folder: Option<tempfile::TempDir>) -> Real {
        let mut real = Real::start_with(Command::new(program), args);
        real.folder = folder;
        real
    }

    fn start_with(mut command: Command, args: impl Fn(u16) -> Vec<String>) -> Real {
        let port = free_port();
        let child = command
            .args(args(port))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let real = Real { endpoint: format!("http://127.0.0.1:{port}"), child, folder: None };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return real;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{:?} does not answer on port {port}", command.get_program());
    }

    pub fn options(&self) -> Vec<String> {
        vec![format!("endpoint={}", self.endpoint), "allow_http=yes".into(), "region=us-east-1".into()]
    }

    /// Copies a prefix into a folder with awscli, and has the other clients say the same.
    #[track_caller]
    pub fn sync(&self, place: &str, folder: &Path) {
        let python = python().unwrap();
        let url = format!("s3://{place}");
        self.client(&python.with_file_name("aws"))
            .args(["--endpoint-url", &self.endpoint, "s3", "sync", &url])
            .arg(folder)
            .succeeds();
        // Reads every object, and compares its hash with the manifest's.
        let (bucket, prefix) = place.split_once('/').unwrap();
        self.client(&python).args(["-c", READ_BACK, &self.endpoint, bucket, prefix]).succeeds();
        // Reads every object, and compares it with the copy.
        let rclone = std::env::var_os("BILLKEEP_TEST_RCLONE").unwrap_or_else(|| "rclone".into());
        if Command::new(&rclone).arg("version").output().is_err() {
            return super::python::skip("reading back with another client", "`rclone`");
        }
        let remote = format!(
            ":s3,provider=Other,env_auth=true,endpoint='{}',region=us-east-1,force_path_style=true:{place}",
            self.endpoint
        );
        self.client(rclone.as_ref()).arg("check").arg(folder).args([&remote, "--download"]).succeeds();
    }

    fn client(&self, program: &Path) -> Client {
        let mut command = Command::new(program);
        command
            .env("AWS_ACCESS_KEY_ID", KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env_remove("AWS_CA_BUNDLE")
            .env("RCLONE_CONFIG", if cfg!(windows) { "NUL" } else { "/dev/null" });
        Client(command)
    }
}

/// With boto3: each manifest's parts are there, with the length and the hash that it says, and nothing else is.
const READ_BACK: &str = r#"
import boto3, hashlib, json, sys
endpoint, bucket, prefix = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint)
listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix + "/")["Contents"]
held = {o["Key"][len(prefix) + 1:]: s3.get_object(Bucket=bucket, Key=o["Key"])["Body"].read() for o in listed}
told = set()
for name, body in held.items():
    if name.endswith(".manifest.json"):
        told.add(name)
        for part in json.loads(body)["parts"]:
            told.add(part["name"])
            assert len(held[part["name"]]) == part["bytes"], part
            assert hashlib.sha256(held[part["name"]]).hexdigest() == part["sha256"], part
assert told == set(held) and told, (told, set(held))
"#;

struct Client(Command);

impl Client {
    fn arg(mut self, arg: impl AsRef<OsStr>) -> Client {
        self.0.arg(arg);
        self
    }

    fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Client {
        self.0.args(args);
        self
    }

    #[track_caller]
    fn succeeds(mut self) {
        let output = self.0.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {said}", self.0.get_program());
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn python() -> Option<PathBuf> {
    std::env::var_os("BILLKEEP_TEST_PYTHON").map(PathBuf::from)
}
