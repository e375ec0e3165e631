//! A small HTTPS server on loopback that sends the files of one folder, and misbehaves on request.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::sandbox::Sandbox;

/// How the server answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Behaviour {
    /// As it should.
    Sound,
    /// It breaks the connection after so many bytes of the weights, once.
    CutOnce(usize),
    /// The same, and it knows nothing of ranges.
    CutOnceNoRanges(usize),
}

/// The running server; it ends with the test's process.
pub(super) struct Server {
    port: u16,
    certificate: PathBuf,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves the files in `folder` below `path`.
    pub(super) fn start(
        sandbox: &Sandbox,
        path: &'static str,
        folder: PathBuf,
        behaviour: Behaviour,
    ) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = sandbox.root().join("authority.pem");
        fs::write(&certificate, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared {
            config: Arc::new(config),
            path,
            folder,
            behaviour,
            was_cut: AtomicBool::new(false),
            requests: Arc::clone(&requests),
        });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A client that breaks off is part of some tests.
                thread::spawn(move || drop(shared.answer(stream)));
            }
        });
        Self { port, certificate, requests }
    }

    pub(super) fn address(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The certificate that vouches for the server.
    pub(super) fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// Every request so far: the file, and the range where one was asked for.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

struct Shared {
    config: Arc<ServerConfig>,
    path: &'static str,
    folder: PathBuf,
    behaviour: Behaviour,
    was_cut: AtomicBool,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Shared {
    /// Answers one request and closes.
    fn answer(&self, stream: TcpStream) -> std::io::Result<()> {
        let connection = ServerConnection::new(Arc::clone(&self.config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        let (target, range) = request(&mut stream)?;
        let name = target.strip_prefix(self.path).unwrap_or_default().trim_start_matches('/');
        let found = !name.is_empty() && self.folder.join(name).is_file();
        self.requests.lock().unwrap().push(match &range {
            Some(range) => format!("{name} {range}"),
            None => name.to_owned(),
        });
        if !found {
            return finish(stream, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
        let whole = fs::read(self.folder.join(name))?;
        let from = match (&range, self.behaviour) {
            (_, Behaviour::CutOnceNoRanges(_)) | (None, _) => None,
            (Some(range), _) => {
                range.trim_start_matches("bytes=").trim_end_matches('-').parse::<usize>().ok()
            }
        };
        let body = &whole[from.unwrap_or(0)..];
        let head = match from {
            Some(from) => format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{}\r\n",
                whole.len() - 1,
                whole.len()
            ),
            None => "HTTP/1.1 200 OK\r\n".to_owned(),
        };
        let head = format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        let (Behaviour::CutOnce(at) | Behaviour::CutOnceNoRanges(at)) = self.behaviour else {
            return finish(stream, body);
        };
        if name != "model.safetensors" || self.was_cut.swap(true, Ordering::SeqCst) {
            return finish(stream, body);
        }
        stream.write_all(&body[..at])?;
        stream.flush()?;
        // Without the closing words of TLS, as when a cable is pulled.
        stream.sock.shutdown(std::net::Shutdown::Write)
    }
}

/// Reads a request: its target and its range.
fn request(stream: &mut impl Read) -> std::io::Result<(String, Option<String>)> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut range = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            range = Some(value.trim().to_owned());
        }
    }
    Ok((first.split(' ').nth(1).unwrap_or_default().to_owned(), range))
}

/// Sends the rest and closes in good order.
fn finish(
    mut stream: StreamOwned<ServerConnection, TcpStream>,
    bytes: &[u8],
) -> std::io::Result<()> {
    stream.write_all(bytes)?;
    stream.conn.send_close_notify();
    stream.flush()
}
