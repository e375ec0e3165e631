//! A scripted stand-in for the Messages API on loopback: it plays the assistant's turns from a
//! script and keeps every request body, so that a test can see what reached the model.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

/// How long a connection may stay silent before its thread gives up.
const SILENCE: Duration = Duration::from_mins(1);

/// The largest request body that is read; far above what a session sends.
const LARGEST_BODY: usize = 256 << 20;

/// Messages answered so far by all servers: ids of messages and tool calls are made of it, and
/// like the real ones they never come twice, whatever the session.
static MESSAGES: AtomicU64 = AtomicU64::new(0);

/// One block of an assistant's turn.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// Plain text.
    Text(String),
    /// A call of the tool with this name and input.
    Tool(String, Value),
}

impl Block {
    /// The assistant says `text`.
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// The assistant runs `command` in the shell.
    pub(crate) fn bash(command: &str) -> Self {
        Self::Tool("Bash".to_owned(), json!({"command": command, "description": "Run it"}))
    }

    /// The block as the API writes it in message number `message`.
    fn wire(&self, message: u64, index: usize) -> Value {
        match self {
            Self::Text(text) => json!({"type": "text", "text": text}),
            Self::Tool(name, input) => json!({
                "type": "tool_use", "id": format!("toolu_{message:020}{index:04}"),
                "name": name, "input": input,
            }),
        }
    }
}

/// The assistant's turns, in order. The request that already holds `n` assistant messages gets
/// turn `n`; past the end the assistant says "done".
pub(crate) type Script = Vec<Vec<Block>>;

/// A running server on a port of its own; it stops when the value is dropped.
pub(crate) struct Api {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

/// What the connections' threads share.
struct Shared {
    script: Script,
    requests: Mutex<Vec<Value>>,
    stopping: AtomicBool,
}

impl Api {
    /// Starts a server that plays `script`.
    pub(crate) fn start(script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script,
            requests: Mutex::default(),
            stopping: AtomicBool::default(),
        });
        let accepting = Arc::clone(&shared);
        let listener = Some(thread::spawn(move || accept(&listener, &accepting)));
        Ok(Self { address, shared, listener })
    }

    /// The address for `ANTHROPIC_BASE_URL`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bodies of all requests for a message so far, those of the main conversation only:
    /// requests without tools ask for titles and the like.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let requests = self.shared.requests.lock().expect("no thread panics with the lock");
        requests.iter().filter(|body| has_tools(body)).cloned().collect()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // One last connection wakes the listener, which then sees the flag.
        drop(TcpStream::connect(self.address));
        if let Some(listener) = self.listener.take() {
            drop(listener.join());
        }
    }
}

/// Hands each connection to a thread of its own until the server stops.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // A broken connection ends its thread; the client opens another.
        thread::spawn(move || drop(serve(&stream, &shared)));
    }
}

/// Answers the requests of one connection until the client closes it.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(request) = Request::read(&mut reader, writer)? {
        let reply = answer(&request, shared);
        writer.write_all(&reply.bytes(request.method == "HEAD"))?;
        writer.flush()?;
        if request.close {
            break;
        }
    }
    Ok(())
}

/// One HTTP request.
struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
    /// Whether the client wants the connection closed after the answer.
    close: bool,
}

impl Request {
    /// The next request of the connection; `None` when the client has closed it.
    fn read(reader: &mut impl BufRead, mut writer: impl Write) -> io::Result<Option<Self>> {
        let Some(first) = line(reader)? else { return Ok(None) };
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (mut length, mut chunked, mut close) = (0, false, first.ends_with("HTTP/1.0"));
        while let Some(header) = line(reader)?.filter(|header| !header.is_empty()) {
            let (name, value) = header.split_once(':').unwrap_or((&header, ""));
            let value = value.trim().to_ascii_lowercase();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap_or(0),
                "transfer-encoding" => chunked = value.contains("chunked"),
                "connection" => close = value == "close",
                "expect" => writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?,
                _ => {}
            }
        }
        let body = if chunked { read_chunks(reader)? } else { read_exactly(reader, length)? };
        Ok(Some(Self { method, path, body, close }))
    }
}

/// The next line without its end; `None` at the end of the stream.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(Some(line))
}

/// The next `length` bytes.
fn read_exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    if length > LARGEST_BODY {
        return Err(io::Error::other("the request body is too large"));
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A body in chunked transfer coding.
fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(reader)?.unwrap_or_default();
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        body.extend(read_exactly(reader, size)?);
        line(reader)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// What one request is answered with.
enum Reply {
    /// A JSON document; without one, an empty body.
    Json(Option<Value>),
    /// Server-sent events, each with its name.
    Events(Vec<(&'static str, Value)>),
}

impl Reply {
    /// The whole answer as bytes; `head` leaves the body out.
    fn bytes(&self, head: bool) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Json(value) => {
                let text = value.as_ref().map(Value::to_string).unwrap_or_default();
                ("application/json", format!("content-length: {}\r\n\r\n{text}", text.len()))
            }
            Self::Events(events) => {
                let mut body = String::from("transfer-encoding: chunked\r\n\r\n");
                for (name, data) in events {
                    let event = format!("event: {name}\ndata: {data}\n\n");
                    for part in [&format!("{:x}", event.len()), "\r\n", &event, "\r\n"] {
                        body += part;
                    }
                }
                ("text/event-stream", body + "0\r\n\r\n")
            }
        };
        let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{body}");
        if head && let Some(end) = answer.find("\r\n\r\n") {
            answer.truncate(end + 4);
        }
        answer.into_bytes()
    }
}

/// Decides the answer to `request` and notes it if it asks for a message.
fn answer(request: &Request, shared: &Shared) -> Reply {
    if request.method != "POST" {
        return Reply::Json(None);
    }
    if request.path.contains("count_tokens") {
        return Reply::Json(Some(json!({"input_tokens": 100})));
    }
    if !request.path.contains("/v1/messages") {
        return Reply::Json(Some(json!({})));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let message = message(&body, shared);
    let streaming = body["stream"] == true;
    shared.requests.lock().expect("no thread panics with the lock").push(body);
    if streaming { Reply::Events(events(&message)) } else { Reply::Json(Some(message)) }
}

/// Whether a request belongs to the main conversation.
fn has_tools(body: &Value) -> bool {
    body["tools"].as_array().is_some_and(|tools| !tools.is_empty())
}

/// The assistant's next message in the conversation of `body`.
fn message(body: &Value, shared: &Shared) -> Value {
    let number = MESSAGES.fetch_add(1, Ordering::SeqCst);
    let said = body["messages"].as_array().map_or(0, |messages| {
        messages.iter().filter(|message| message["role"] == "assistant").count()
    });
    let fallback = |text| vec![Block::text(text)];
    let turn = if has_tools(body) {
        shared.script.get(said).cloned().unwrap_or_else(|| fallback("done"))
    } else {
        fallback("ok")
    };
    let content: Vec<Value> =
        turn.iter().enumerate().map(|(index, block)| block.wire(number, index)).collect();
    let calls = turn.iter().any(|block| matches!(block, Block::Tool(..)));
    json!({
        "id": format!("msg_{number:024}"), "type": "message", "role": "assistant",
        "model": body["model"].as_str().unwrap_or("scripted"), "content": content,
        "stop_reason": if calls { "tool_use" } else { "end_turn" }, "stop_sequence": null,
        "usage": {
            "input_tokens": 10, "output_tokens": 10,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        },
    })
}

/// `message` as the events of a stream.
fn events(message: &Value) -> Vec<(&'static str, Value)> {
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    let mut events = vec![("message_start", json!({"type": "message_start", "message": start}))];
    for (index, block) in message["content"].as_array().into_iter().flatten().enumerate() {
        let mut empty = block.clone();
        let delta = if block["type"] == "text" {
            empty["text"] = json!("");
            json!({"type": "text_delta", "text": block["text"]})
        } else {
            empty["input"] = json!({});
            json!({"type": "input_json_delta", "partial_json": block["input"].to_string()})
        };
        for (name, mut data) in [
            ("content_block_start", json!({"content_block": empty})),
            ("content_block_delta", json!({"delta": delta})),
            ("content_block_stop", json!({})),
        ] {
            data["type"] = json!(name);
            data["index"] = json!(index);
            events.push((name, data));
        }
    }
    let delta = json!({"stop_reason": message["stop_reason"], "stop_sequence": null});
    let usage = &message["usage"];
    events
        .push(("message_delta", json!({"type": "message_delta", "delta": delta, "usage": usage})));
    events.push(("message_stop", json!({"type": "message_stop"})));
    events
}
