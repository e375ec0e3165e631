//! Real git servers on loopback, started and stopped by the tests: a folder, OpenSSH's `sshd`, and
//! git's own `http-backend` behind TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::{GitSettings, Secret, Transport};

/// Where a program lies that a system puts beside those for everyone.
fn program(name: &str) -> Option<PathBuf> {
    let folders =
        ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/sbin"];
    folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// Runs a program to its end and returns what it printed.
#[track_caller]
pub(super) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Says loudly that a test cannot run here, and why.
pub(super) fn skip(reason: &str) {
    eprintln!("SKIPPED: {reason}");
}

/// A port that nothing listens on.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A folder with an empty repository `share.git` in it.
pub(super) struct Folder {
    pub(super) root: TempDir,
}

impl Folder {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        git2::Repository::init_bare(root.path().join("share.git")).unwrap();
        Self { root }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.root.path().join("share.git")
    }

    pub(super) fn repository(&self) -> git2::Repository {
        git2::Repository::open_bare(self.path()).unwrap()
    }

    /// A folder of its own inside, new with every call.
    pub(super) fn fresh(&self) -> PathBuf {
        tempfile::tempdir_in(self.root.path()).unwrap().keep()
    }

    /// Settings for a device with this label, with a local copy of its own.
    pub(super) fn settings(&self, device: &str) -> GitSettings {
        GitSettings {
            url: self.path().to_str().unwrap().into(),
            branch: "main".into(),
            cache: self.fresh(),
            device: device.into(),
            now: 1_790_000_000,
            transport: Transport::Builtin,
            user: None,
            token: None,
            keys: Vec::new(),
            passphrase: None,
            agent: None,
            known_hosts: Vec::new(),
            ca_file: None,
            git_config: Some(self.root.path().join("no-git-config")),
        }
    }
}

/// An `sshd` of its own.
pub(super) struct Ssh {
    pub(super) folder: Folder,
    pub(super) port: u16,
    child: Child,
}

impl Ssh {
    /// Starts one, with host keys of three kinds; `None` when there is none on this machine, which
    /// is said loudly.
    pub(super) fn start() -> Option<Self> {
        let Some(sshd) = program("sshd") else {
            skip("sshd is not installed (on Debian: apt-get install openssh-server)");
            return None;
        };
        let folder = Folder::new();
        let root = folder.root.path();
        for kind in ["ed25519", "ecdsa", "rsa"] {
            key(&root.join(format!("host_{kind}")), kind, "");
        }
        key(&root.join("user"), "ed25519", "");
        std::fs::copy(root.join("user.pub"), root.join("authorized")).unwrap();
        let port = free_port();
        let child = start_sshd(&sshd, root, port);
        let ssh = Self { folder, port, child };
        ssh.know();
        Some(ssh)
    }

    /// A file in its folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.root.path().join(name)
    }

    /// Writes the present host keys into the file of known hosts.
    pub(super) fn know(&self) {
        let lines = ["ed25519", "ecdsa", "rsa"].map(|kind| self.known_line(kind));
        std::fs::write(self.file("known"), lines.concat()).unwrap();
    }

    /// The line of known hosts for the host key of this kind.
    pub(super) fn known_line(&self, kind: &str) -> String {
        let text = std::fs::read_to_string(self.file(&format!("host_{kind}.pub"))).unwrap();
        let key: Vec<_> = text.split(' ').take(2).collect();
        format!("[127.0.0.1]:{} {}\n", self.port, key.join(" "))
    }

    /// Lets the key whose public half is beside `path` in as well.
    pub(super) fn authorize(&self, path: &Path) {
        let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        let mut file =
            std::fs::OpenOptions::new().append(true).open(self.file("authorized")).unwrap();
        file.write_all(public.as_bytes()).unwrap();
    }

    /// A new key of this kind in its folder.
    pub(super) fn key(&self, name: &str, kind: &str, passphrase: &str) -> PathBuf {
        let path = self.file(name);
        key(&path, kind, passphrase);
        path
    }

    /// Settings with which a device gets in.
    pub(super) fn settings(&self, device: &str) -> GitSettings {
        let user = run("id", &["-un"]);
        let path = self.folder.path();
        GitSettings {
            url: format!("ssh://{}@127.0.0.1:{}{}", user.trim(), self.port, path.display()),
            keys: vec![self.file("user")],
            known_hosts: vec![self.file("known")],
            ..self.folder.settings(device)
        }
    }

    /// A git configuration with which the `git` program gets in.
    pub(super) fn git_config(&self) -> PathBuf {
        let (key, known) = (self.file("user"), self.file("known"));
        let text = format!(
            "[core]\n\tsshCommand = ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes \
             -i {} -o UserKnownHostsFile={}\n",
            key.display(),
            known.display()
        );
        let path = self.file("ssh-git-config");
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Ends a process that the tests started.
fn stop(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Makes a pair of keys.
fn key(path: &Path, kind: &str, passphrase: &str) {
    let path = path.to_str().unwrap();
    run("ssh-keygen", &["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path]);
}

fn start_sshd(sshd: &Path, root: &Path, port: u16) -> Child {
    // Where it runs as root, it wants this folder, which Debian makes at boot.
    let _made = std::fs::create_dir_all("/run/sshd");
    let folder = root.display();
    let path = std::env::var("PATH").unwrap();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_ed25519\n\
         HostKey {folder}/host_ecdsa\nHostKey {folder}/host_rsa\n\
         AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\n\
         PermitRootLogin prohibit-password\nMaxStartups 200\nMaxAuthTries 20\n\
         SetEnv PATH={path} HOME={folder}\n"
    );
    std::fs::write(root.join("sshd_config"), config).unwrap();
    let log = std::fs::File::create(root.join("sshd.log")).unwrap();
    let child = Command::new(sshd)
        .args(["-D", "-e", "-f"])
        .arg(root.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let log = std::fs::read_to_string(root.join("sshd.log")).unwrap_or_default();
        assert!(started.elapsed() < Duration::from_secs(30), "sshd does not start: {log}");
        thread::sleep(Duration::from_millis(20));
    }
    child
}

/// A certificate authority of its own, and what it signed for `localhost`.
pub(super) struct Authority {
    pub(super) pem: String,
    config: Arc<ServerConfig>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        // Every authority has a name of its own: OpenSSL finds them by name.
        let name = super::base64::encode(&key.public_key_raw()[..12]);
        params.distinguished_name.push(DnType::CommonName, name);
        let authority = params.self_signed(&key).unwrap();
        let pem = authority.pem();
        let issuer = Issuer::new(params, key);
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let server_key = KeyPair::generate().unwrap();
        let mut server = CertificateParams::new(names).unwrap();
        server.distinguished_name.push(DnType::CommonName, "localhost");
        server.use_authority_key_identifier_extension = true;
        let certificate = server.signed_by(&server_key, &issuer).unwrap();
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self { pem, config: Arc::new(config) }
    }
}

/// How a [`Web`] server behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Manner {
    /// As it should: `git http-backend`, for those who know the password.
    Honest,
    /// Answers everything with this status line and these headers.
    Always(String),
    /// Takes connections and says nothing.
    Silent,
}

/// The account and the password that a [`Web`] server wants.
pub(super) const ACCOUNT: (&str, &str) = ("someone", "right-password");

/// A web server with TLS.
pub(super) struct Web {
    pub(super) folder: Folder,
    pub(super) port: u16,
    /// Requests with credentials that were wrong.
    pub(super) rejected: Arc<AtomicUsize>,
    manner: Arc<Mutex<Manner>>,
    ca: PathBuf,
    stopped: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Web {
    /// Starts one with an authority of its own.
    pub(super) fn start() -> Self {
        let folder = Folder::new();
        let authority = Authority::new();
        let ca = folder.root.path().join("ca.pem");
        std::fs::write(&ca, &authority.pem).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let rejected = Arc::new(AtomicUsize::new(0));
        let manner = Arc::new(Mutex::new(Manner::Honest));
        let stopped = Arc::new(AtomicBool::new(false));
        let serving = Serving {
            root: folder.root.path().to_owned(),
            rejected: Arc::clone(&rejected),
            manner: Arc::clone(&manner),
        };
        let stop = Arc::clone(&stopped);
        let config = authority.config;
        let listener = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (serving, config) = (serving.clone(), Arc::clone(&config));
                let Ok(stream) = stream else { continue };
                thread::spawn(move || {
                    let connection = ServerConnection::new(config).unwrap();
                    // A client that hangs up is its own business.
                    let _ended = serving.answer(StreamOwned::new(connection, stream));
                });
            }
        });
        Self { folder, port, rejected, manner, ca, stopped, listener: Some(listener) }
    }

    /// From now on, it behaves like this.
    pub(super) fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Settings with which a device gets in.
    pub(super) fn settings(&self, device: &str) -> GitSettings {
        GitSettings {
            url: format!("https://localhost:{}/share.git", self.port),
            user: Some(ACCOUNT.0.into()),
            token: Some(Secret::new(ACCOUNT.1.into())),
            ca_file: Some(self.ca.clone()),
            ..self.folder.settings(device)
        }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes it, so that it sees that it should stop.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.listener.take().unwrap().join().unwrap();
    }
}

/// What a thread needs that answers one connection.
#[derive(Clone)]
struct Serving {
    root: PathBuf,
    rejected: Arc<AtomicUsize>,
    manner: Arc<Mutex<Manner>>,
}

impl Serving {
    /// Reads one request and answers it.
    fn answer(&self, stream: impl Read + Write) -> std::io::Result<()> {
        let manner = self.manner.lock().unwrap().clone();
        if manner == Manner::Silent {
            thread::sleep(Duration::from_mins(2));
            return Ok(());
        }
        let mut stream = BufReader::new(stream);
        let request = Request::read(&mut stream)?;
        let answer = match manner {
            Manner::Always(head) => {
                format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n").into_bytes()
            }
            _ if !self.may_enter(&request) => {
                b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\n\
                  Content-Length: 0\r\n"
                    .to_vec()
            }
            _ => {
                return stream
                    .get_mut()
                    .write_all(&self.backend(&request))
                    .and_then(|()| stream.get_mut().flush());
            }
        };
        stream.get_mut().write_all(&answer)?;
        stream.get_mut().write_all(b"Connection: close\r\n\r\n")?;
        stream.get_mut().flush()
    }

    fn may_enter(&self, request: &Request) -> bool {
        let right = super::base64::encode(format!("{}:{}", ACCOUNT.0, ACCOUNT.1).as_bytes());
        match request.header("authorization") {
            Some(value) => {
                let given = value.trim_start_matches("Basic ").trim_end_matches('=');
                let enters = given == right;
                self.rejected.fetch_add(usize::from(!enters), Ordering::SeqCst);
                enters
            }
            None => false,
        }
    }

    /// Lets git answer.
    fn backend(&self, request: &Request) -> Vec<u8> {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let mut child = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("REQUEST_METHOD", &request.method)
            .env("CONTENT_TYPE", request.header("content-type").unwrap_or(""))
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", request.header("content-encoding").unwrap_or(""))
            .env("GIT_PROTOCOL", request.header("git-protocol").unwrap_or(""))
            .env("REMOTE_USER", ACCOUNT.0)
            .env("REMOTE_ADDR", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let body = request.body.clone();
        let writer = thread::spawn(move || {
            // Git may have read enough before the end.
            let _written = stdin.write_all(&body);
        });
        let output = child.wait_with_output().unwrap().stdout;
        writer.join().unwrap();
        let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(0);
        let head = String::from_utf8_lossy(&output[..end]).into_owned();
        let body = &output[(end + 4).min(output.len())..];
        let status =
            head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
        let headers = head.lines().filter(|line| !line.starts_with("Status: "));
        let headers: String = headers.flat_map(|line| [line, "\r\n"]).collect();
        let length = body.len();
        let mut answer = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        )
        .into_bytes();
        answer.extend(body);
        answer
    }
}

/// A request that was read to its end.
struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn read(stream: &mut BufReader<impl Read + Write>) -> std::io::Result<Self> {
        let line = line(stream)?;
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let line = self::line(stream)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut request = Self { method, path, headers, body: Vec::new() };
        if request.header("expect").is_some() {
            stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            stream.get_mut().flush()?;
        }
        request.body = if request.header("transfer-encoding") == Some("chunked") {
            chunks(stream)?
        } else {
            let length = request.header("content-length").and_then(|text| text.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            stream.read_exact(&mut body)?;
            body
        };
        Ok(request)
    }
}

fn line(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn chunks(stream: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = line(stream)?;
        let length = usize::from_str_radix(&length, 16).map_err(std::io::Error::other)?;
        let start = body.len();
        body.resize(start + length, 0);
        stream.read_exact(&mut body[start..])?;
        line(stream)?;
        if length == 0 {
            return Ok(body);
        }
    }
}
