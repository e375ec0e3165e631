//! The lines of a transcript as the client writes them.
//!
//! The client calls this format internal and changes it in any release, so nothing here is
//! required: a field that is absent or of another type is `None`. Values stay raw until someone
//! asks for them, because most are never used and some are huge.

use std::borrow::Cow;

use memchr::memmem;

use super::scan::{End, Malformed, Object, Value, member};

/// What a line is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A prompt or tool results.
    User,
    /// A message of the agent.
    Assistant,
    /// A note of the client, among them compactions.
    System,
    /// Something attached to the conversation, among it hook contexts and queued messages.
    Attachment,
    /// Progress of a running call.
    Progress,
    /// Bookkeeping without use here.
    Housekeeping,
    /// A copy of a request to the model.
    ApiRequest,
    /// None of those known.
    Unknown,
}

impl Kind {
    /// The kind of a line whose raw `type` value is `raw`.
    fn of(raw: &[u8]) -> Self {
        match raw {
            br#""user""# => Self::User,
            br#""assistant""# => Self::Assistant,
            br#""system""# => Self::System,
            br#""attachment""# => Self::Attachment,
            br#""progress""# => Self::Progress,
            br#""summary""#
            | br#""file-history-snapshot""#
            | br#""file-history-delta""#
            | br#""queue-operation""#
            | br#""last-prompt""#
            | br#""ai-title""#
            | br#""custom-title""#
            | br#""agent-name""#
            | br#""agent-setting""#
            | br#""agent-color""#
            | br#""tag""#
            | br#""mode""#
            | br#""permission-mode""#
            | br#""pr-link""#
            | br#""bridge-session""#
            | br#""content-replacement""#
            | br#""tools-used""#
            | br#""cost-state""#
            | br#""atis-latch""# => Self::Housekeeping,
            _ if raw.starts_with(br#""api-request"#) => Self::ApiRequest,
            _ => Self::Unknown,
        }
    }

    /// Whether lines of this kind are never used, whatever they hold.
    fn is_unused(self) -> bool {
        matches!(self, Self::Housekeeping | Self::ApiRequest | Self::Unknown)
    }
}

/// The members of a line that are used, still raw.
#[derive(Clone, Default, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a line has that many flags of its own")]
pub(super) struct Top<'a> {
    /// `type`.
    pub(super) kind: &'a [u8],
    /// `subtype` of a system line.
    pub(super) subtype: Option<&'a [u8]>,
    /// `uuid`.
    pub(super) uuid: Option<&'a [u8]>,
    /// `sessionId`; for a subagent's line its parent's.
    pub(super) session: Option<&'a [u8]>,
    /// `agentId`.
    pub(super) agent: Option<&'a [u8]>,
    /// `timestamp`.
    pub(super) timestamp: Option<&'a [u8]>,
    /// `cwd`.
    pub(super) cwd: Option<&'a [u8]>,
    /// `gitBranch`.
    pub(super) branch: Option<&'a [u8]>,
    /// `version` of the client.
    pub(super) version: Option<&'a [u8]>,
    /// `isSidechain`.
    pub(super) sidechain: bool,
    /// `isMeta`.
    pub(super) meta: bool,
    /// `isCompactSummary`.
    pub(super) compact_summary: bool,
    /// `isApiErrorMessage`.
    pub(super) api_error: bool,
    /// `message`.
    pub(super) message: Message<'a>,
    /// `toolUseResult`: what the tool gave, in the client's own structure.
    pub(super) structured: Structured<'a>,
    /// `userFeedback`: the comment of a refusal.
    pub(super) feedback: Option<&'a [u8]>,
    /// `toolDenialKind`.
    pub(super) denial: Option<&'a [u8]>,
    /// `toolDenialBeforeRun`.
    pub(super) denied_before_run: bool,
    /// `permissionDecision`.
    pub(super) decision: Option<&'a [u8]>,
    /// `origin` of a prompt.
    pub(super) origin: Option<&'a [u8]>,
    /// Whether there is a `planContent`: the prompt is an accepted plan.
    pub(super) plan: bool,
    /// `forkedFrom` of a copied line.
    pub(super) forked_from: Option<&'a [u8]>,
    /// `attachment`.
    pub(super) attachment: Option<&'a [u8]>,
    /// `data` of a progress line.
    pub(super) data: Option<&'a [u8]>,
    /// `parentToolUseID` of a progress line.
    pub(super) parent_call: Option<&'a [u8]>,
}

impl<'a> Top<'a> {
    /// Reads the members of the object that `line` begins with. Returns them with its kind and
    /// with what follows the object on the line.
    ///
    /// For a kind without use it stops at the `type`: whatever else is on the line is passed over
    /// unread, unless the line looks as if it held a second object.
    pub(super) fn read(line: &'a [u8]) -> Result<(Kind, Self, &'a [u8]), Malformed> {
        let mut object = Object::open(line).ok_or(Malformed)?;
        let mut top = Self::default();
        while let Some((key, value)) = object.next_key()? {
            let end = match key {
                b"message" => top.message.walk(value),
                b"toolUseResult" => top.structured.walk(value),
                _ => End::UNKNOWN,
            };
            let value = object.pass(end)?;
            top.set(key, value);
            if key == b"type" && Self::may_stop(value, line) {
                return Ok((Kind::of(value), top, &[]));
            }
        }
        Ok((Kind::of(top.kind), top, object.rest()))
    }

    /// Whether nothing of `line` can be of use, given its raw `type`.
    fn may_stop(kind: &[u8], line: &[u8]) -> bool {
        let unused = match Kind::of(kind) {
            // Of all progress only a subagent's calls are used. Not finding the word is proof
            // enough; finding it is not, and the line is then looked at properly.
            Kind::Progress => memmem::find(line, b"agent_progress").is_none(),
            kind => kind.is_unused(),
        };
        // Two writers can leave two objects on one line; the second may be of use.
        unused && memmem::find(line, br#"}{""#).is_none()
    }

    /// Keeps the member `key` if it is used.
    fn set(&mut self, key: &[u8], value: &'a [u8]) {
        let is_true = value == b"true";
        match key {
            b"type" => self.kind = value,
            b"subtype" => self.subtype = Some(value),
            b"uuid" => self.uuid = Some(value),
            b"sessionId" => self.session = Some(value),
            b"agentId" => self.agent = Some(value),
            b"timestamp" => self.timestamp = Some(value),
            b"cwd" => self.cwd = Some(value),
            b"gitBranch" => self.branch = Some(value),
            b"version" => self.version = Some(value),
            b"isSidechain" => self.sidechain = is_true,
            b"isMeta" => self.meta = is_true,
            b"isCompactSummary" => self.compact_summary = is_true,
            b"isApiErrorMessage" => self.api_error = is_true,
            b"userFeedback" => self.feedback = Some(value),
            b"toolDenialKind" => self.denial = Some(value),
            b"toolDenialBeforeRun" => self.denied_before_run = is_true,
            b"permissionDecision" => self.decision = Some(value),
            b"origin" => self.origin = Some(value),
            b"planContent" => self.plan = value.len() > 2 && value[0] == b'"',
            b"forkedFrom" => self.forked_from = Some(value),
            b"attachment" => self.attachment = Some(value),
            b"data" => self.data = Some(value),
            b"parentToolUseID" => self.parent_call = Some(value),
            _ => {}
        }
    }
}

/// The members of a message that are used.
#[derive(Clone, Default, Debug)]
pub(super) struct Message<'a> {
    /// `model`.
    pub(super) model: Option<&'a [u8]>,
    /// `content`; none if it is neither text nor an array.
    pub(super) content: Option<Content<'a>>,
}

impl<'a> Message<'a> {
    /// Becomes what `value` holds, as far as it is well formed; says where it ends.
    fn walk(&mut self, value: Value<'a>) -> End {
        *self = Self::default();
        let Some(mut object) = value.object() else { return End::UNKNOWN };
        let mut seen = false;
        while let Ok(Some((key, value))) = object.next_key() {
            let (content, end) = match key {
                b"content" if !seen => Content::walk(value),
                _ => (None, End::UNKNOWN),
            };
            let Ok(raw) = object.pass(end) else { break };
            match key {
                b"content" if !seen => (seen, self.content) = (true, content),
                b"model" => self.model = self.model.or(Some(raw)),
                _ => {}
            }
        }
        object.end()
    }
}

/// The members of a tool's result, in the client's own structure, that are used.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Structured<'a> {
    /// `content` of the `file` that was read.
    pub(super) shown: Option<&'a [u8]>,
    /// `filenames` that a search found.
    pub(super) filenames: Option<&'a [u8]>,
    /// `structuredPatch` of an edit.
    pub(super) patch: Option<&'a [u8]>,
    /// `answers` to questions.
    pub(super) answers: Option<&'a [u8]>,
    /// `response` beside the answers.
    pub(super) response: Option<&'a [u8]>,
    /// `interrupted`.
    pub(super) interrupted: Option<&'a [u8]>,
    /// `timedOutAfterMs`.
    pub(super) timed_out: Option<&'a [u8]>,
    /// `returnCodeInterpretation`.
    pub(super) interpretation: Option<&'a [u8]>,
    /// `userModified`.
    pub(super) user_modified: Option<&'a [u8]>,
    /// `planWasEdited`.
    pub(super) plan_edited: Option<&'a [u8]>,
}

impl<'a> Structured<'a> {
    /// Becomes what `value` holds, as far as it is well formed; says where it ends.
    fn walk(&mut self, value: Value<'a>) -> End {
        *self = Self::default();
        let Some(mut object) = value.object() else { return End::UNKNOWN };
        while let Ok(Some((key, value))) = object.next_key() {
            let (shown, end) = match key {
                // Whole files: their ends are looked for once.
                b"file" if self.shown.is_none() => shown_in(value),
                _ => (None, End::UNKNOWN),
            };
            let Ok(raw) = object.pass(end) else { break };
            self.shown = self.shown.or(shown);
            let kept = match key {
                b"filenames" => &mut self.filenames,
                b"structuredPatch" => &mut self.patch,
                b"answers" => &mut self.answers,
                b"response" => &mut self.response,
                b"interrupted" => &mut self.interrupted,
                b"timedOutAfterMs" => &mut self.timed_out,
                b"returnCodeInterpretation" => &mut self.interpretation,
                b"userModified" => &mut self.user_modified,
                b"planWasEdited" => &mut self.plan_edited,
                _ => continue,
            };
            kept.get_or_insert(raw);
        }
        object.end()
    }
}

/// The `content` of the file `value`, if it has one, and where the file ends.
fn shown_in(value: Value<'_>) -> (Option<&[u8]>, End) {
    let Some(mut file) = value.object() else { return (None, End::UNKNOWN) };
    let mut content = None;
    while let Ok(Some((key, raw))) = file.next_member() {
        if key == b"content" {
            content = content.or(Some(raw));
        }
    }
    (content, file.end())
}

/// Whether a raw member is `true`.
pub(super) fn is_true(raw: Option<&[u8]>) -> bool {
    raw == Some(b"true")
}

/// One block of a message's content. Blocks of other types have all members empty.
#[derive(Clone, Copy, Debug)]
pub(super) enum Block<'a> {
    /// `text`, or a bare string as very old clients wrote it: the raw text.
    Text(&'a [u8]),
    /// `tool_use`.
    Use {
        /// Raw `id`.
        id: &'a [u8],
        /// Raw `name`.
        name: &'a [u8],
        /// Raw `input`; empty if there is none.
        input: &'a [u8],
    },
    /// `tool_result`.
    Result {
        /// Raw `tool_use_id`.
        id: &'a [u8],
        /// Raw `content`; empty if there is none.
        content: &'a [u8],
        /// `is_error`.
        is_error: bool,
    },
    /// Anything else.
    Other,
}

impl<'a> Block<'a> {
    /// Reads one element of a content array; says where it ends.
    fn walk(value: Value<'a>) -> (Self, End) {
        if let Some((raw, end)) = value.string() {
            return (Self::Text(raw), end);
        }
        let Some(mut object) = value.object() else { return (Self::Other, End::UNKNOWN) };
        let (mut kind, mut id, mut is_error) = (&b""[..], &b""[..], false);
        let (mut name, mut text, mut input, mut content) = (&b""[..], &b""[..], &b""[..], &b""[..]);
        while let Ok(Some((key, value))) = object.next_member() {
            match key {
                b"type" => kind = value,
                b"id" | b"tool_use_id" => id = value,
                b"name" => name = value,
                b"text" => text = value,
                b"input" => input = value,
                b"content" => content = value,
                b"is_error" => is_error = value == b"true",
                _ => {}
            }
        }
        let block = match kind {
            br#""text""# => Self::Text(text),
            br#""tool_use""# => Self::Use { id, name, input },
            br#""tool_result""# => Self::Result { id, content, is_error },
            _ => Self::Other,
        };
        (block, object.end())
    }
}

/// The content of a message.
#[derive(Clone, Debug)]
pub(super) enum Content<'a> {
    /// A plain text, raw.
    Text(&'a [u8]),
    /// Blocks.
    Blocks(Vec<Block<'a>>),
}

impl<'a> Content<'a> {
    /// Reads the content `value`, none if it is neither text nor an array; says where it ends.
    fn walk(value: Value<'a>) -> (Option<Self>, End) {
        if let Some((raw, end)) = value.string() {
            return (Some(Self::Text(raw)), end);
        }
        let Some(mut array) = value.array() else { return (None, End::UNKNOWN) };
        let mut blocks = Vec::new();
        while let Some(element) = array.next_value() {
            let (block, end) = Block::walk(element);
            if array.pass(end).is_none() {
                break;
            }
            blocks.push(block);
        }
        (Some(Self::Blocks(blocks)), array.end())
    }

    /// Its blocks; a plain text is one.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Block<'a>> {
        let (text, blocks) = match self {
            Self::Text(raw) => (Some(Block::Text(raw)), &[][..]),
            Self::Blocks(blocks) => (None, blocks.as_slice()),
        };
        text.into_iter().chain(blocks.iter().copied())
    }
}

/// The text of all text blocks of `raw` content (a text, or blocks), joined by line feeds.
pub(super) fn content_text(raw: &[u8]) -> Cow<'_, str> {
    let (Some(content), _) = Content::walk(Value::of(raw)) else { return Cow::Borrowed("") };
    let mut texts = content.blocks().filter_map(|block| match block {
        Block::Text(text) => string(text),
        _ => None,
    });
    let Some(first) = texts.next() else { return Cow::Borrowed("") };
    texts.fold(first, |mut all, next| {
        let joined = all.to_mut();
        joined.push('\n');
        joined.push_str(&next);
        all
    })
}

/// The text of the raw JSON string `raw`; `None` if it is no string or not valid.
///
/// The client stores unpaired surrogate escapes as they come (cut-off emoji, for instance), which
/// no Rust string can hold: they become U+FFFD.
pub(super) fn string(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return simdutf8::basic::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    let decoded = serde_json::from_slice::<String>(raw);
    decoded.or_else(|_| serde_json::from_slice(&without_lone_surrogates(raw))).ok().map(Cow::Owned)
}

/// [`string`] of the member `name` of the object `value`.
pub(super) fn string_member<'a>(value: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    member(value, name).and_then(string)
}

/// `raw` with every unpaired `\uD800` to `\uDFFF` escape replaced by `\uFFFD`.
fn without_lone_surrogates(raw: &[u8]) -> Vec<u8> {
    let mut fixed = raw.to_vec();
    let mut at = 0;
    while at < raw.len() {
        if raw[at] != b'\\' {
            at += 1;
            continue;
        }
        match (surrogate(raw, at), surrogate(raw, at + 6)) {
            (Some(Half::High), Some(Half::Low)) => at += 12,
            (Some(_), _) => {
                fixed[at + 2..at + 6].copy_from_slice(b"fffd");
                at += 6;
            }
            (None, _) => at += 2,
        }
    }
    fixed
}

/// One half of a surrogate pair.
enum Half {
    High,
    Low,
}

/// Which half the escape at `at` is, if it is one.
fn surrogate(raw: &[u8], at: usize) -> Option<Half> {
    let digits = raw.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let unit = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    match unit {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}

/// The raw JSON value `raw` as text without white space between its tokens.
pub(super) fn compact(raw: &[u8]) -> Cow<'_, str> {
    let mut inside = false;
    let mut escaped = false;
    let kept = raw.iter().copied().filter(|&byte| {
        if inside {
            inside = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            return true;
        }
        inside = byte == b'"';
        !byte.is_ascii_whitespace()
    });
    let kept: Vec<u8> = kept.collect();
    Cow::Owned(String::from_utf8_lossy(&kept).into_owned())
}

/// Milliseconds since the Unix epoch of a raw timestamp: ISO 8601 text, or a number of
/// milliseconds.
pub(super) fn millis(raw: &[u8]) -> Option<i64> {
    if let Some(text) = string(raw) {
        return chrono::DateTime::parse_from_rfc3339(&text).ok().map(|t| t.timestamp_millis());
    }
    std::str::from_utf8(raw).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_type_is_the_top_level_one_wherever_it_stands() {
        let cases = [
            (r#"{"type":"user"}"#, Kind::User),
            (
                r#"{"parentUuid":null,"message":{"type":"user"},"type":"assistant"}"#,
                Kind::Assistant,
            ),
            (r#"{"attachment":{"type":"assistant"},"type":"attachment"}"#, Kind::Attachment),
            (r#"{"blob":"{\"type\":\"user\"}","type":"api-request-blob"}"#, Kind::ApiRequest),
            (r#"{"type":"api-request-shape","message":{"type":"user"}}"#, Kind::ApiRequest),
            (r#"{"type":"mode","mode":"plan"}"#, Kind::Housekeeping),
            (r#"{"type":"something-new"}"#, Kind::Unknown),
            (r#"{"type":7}"#, Kind::Unknown),
            (r#"{"message":{"type":"user"}}"#, Kind::Unknown),
        ];
        for (line, kind) in cases {
            assert_eq!(Top::read(line.as_bytes()).map(|(k, ..)| k), Ok(kind), "{line}");
        }
    }

    #[test]
    fn unused_lines_are_not_read_to_their_end() {
        assert!(Top::read(br#"{"type":"mode",garbage"#).is_ok());
        assert!(Top::read(br#"{"type":"progress","data":{"type":"bash_progress""#).is_ok());
        assert!(Top::read(br#"{"type":"user",garbage"#).is_err());
        let glued = br#"{"type":"mode","x":{}}{"type":"user"}"#;
        let (kind, _, rest) = Top::read(glued).unwrap();
        assert_eq!((kind, rest), (Kind::Housekeeping, &br#"{"type":"user"}"#[..]));
    }

    #[test]
    fn lone_surrogates_do_not_lose_the_text() {
        let cases = [
            (r#""plain""#, "plain"),
            (r#""a\nb""#, "a\nb"),
            (r#""\ud83d\ude00""#, "\u{1F600}"),
            (r#""x\ud83dy""#, "x\u{FFFD}y"),
            (r#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}\u{1F600}"),
            (r#""\\ud83d""#, "\\ud83d"),
            (r#""\u0000""#, "\0"),
        ];
        for (raw, text) in cases {
            assert_eq!(string(raw.as_bytes()).as_deref(), Some(text), "{raw}");
        }
        for raw in ["", "\"", "7", "null", r#""\q""#] {
            assert_eq!(string(raw.as_bytes()), None, "{raw}");
        }
    }

    #[test]
    fn content_may_be_text_blocks_or_bare_strings() {
        let cases = [
            (r#""a""#, "a"),
            (r#"[{"type":"text","text":"a"},{"type":"image"},{"type":"text","text":"b"}]"#, "a\nb"),
            (r#"["a","b"]"#, "a\nb"),
            (r#"{"text":"a"}"#, ""),
            ("", ""),
            ("7", ""),
        ];
        for (raw, text) in cases {
            assert_eq!(content_text(raw.as_bytes()), text, "{raw}");
        }
    }

    #[test]
    fn compact_keeps_what_is_inside_strings() {
        assert_eq!(compact(b"{ \"a b\" : [1, \"c \\\" d\"] }"), r#"{"a b":[1,"c \" d"]}"#);
    }

    #[test]
    fn times_are_read_in_both_forms() {
        assert_eq!(millis(br#""2026-02-21T05:23:48.416Z""#), Some(1_771_651_428_416));
        assert_eq!(millis(b"1771651428416"), Some(1_771_651_428_416));
        for raw in [&br#""yesterday""#[..], b"{}", b"", b"1e400"] {
            assert_eq!(millis(raw), None);
        }
    }

    proptest! {
        #[test]
        fn any_string_comes_back(text in any::<String>()) {
            let raw = serde_json::to_string(&text).unwrap();
            let decoded = string(raw.as_bytes());
            prop_assert_eq!(decoded.as_deref(), Some(text.as_str()));
        }

        #[test]
        fn any_run_of_escapes_decodes(units in prop::collection::vec(any::<u16>(), 0..20)) {
            let escapes: Vec<String> = units.iter().map(|u| format!("\\u{u:04x}")).collect();
            let escapes = escapes.concat();
            let raw = format!("\"{escapes}\"");
            let decoded = string(raw.as_bytes()).expect("sanitised");
            prop_assert_eq!(decoded, String::from_utf16_lossy(&units));
        }
    }
}
