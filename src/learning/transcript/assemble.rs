//! Puts steps together from a file's lines.
//!
//! One message of the agent is spread over several lines, several calls can run at once, and a
//! result can even stand before its call: calls and results are joined by the call's id over the
//! whole file, never by position. Steps keep the order of the file, dead branches included: what
//! was tried and abandoned is evidence too.

use std::borrow::Cow;
use std::path::Path;

use foldhash::{HashMap, HashSet};

use super::account::{Account, Bad, Skip, Verdict};
use super::open::{Open, step_of};
use super::outcome::{self, ToolResult};
use super::person::{self, Said};
use super::text::{Limit, marked_ids, stored, without_private};
use super::wire::{self, Block, Content, Kind, Top};
use super::{Chunk, TranscriptMeta, Update, call, parts, scan};
use crate::model::exclude::{self, Exclusions};
use crate::model::ids::StepId;
use crate::model::trajectory::{Body, Call, Outcome, Step, TrajectoryKey};

/// The agent of steps that very old clients wrote into their parent's file without an id.
const INLINE_AGENT: &str = "inline";

/// How many bytes of lines are held back because their calls have not been seen.
const MAX_EARLY: usize = 16 << 20;

/// How many bytes of inputs are held back because the results may tell the same.
const MAX_HELD: usize = 4 << 20;

/// How many different working directories of a file are remembered.
const MAX_CWDS: usize = 64;

/// Turns lines into steps, in file order.
#[derive(Debug)]
pub(super) struct Assembler<'e> {
    /// What is left out.
    exclusions: &'e Exclusions,
    /// The agent that the file's name tells; empty for a main transcript.
    file_agent: String,
    meta: TranscriptMeta,
    chunk: Chunk,
    /// Lines, prompts and calls that were seen in this reading.
    seen: HashSet<StepId>,
    /// Calls without a result, by their id in the transcript.
    open: HashMap<String, Open>,
    /// Results without a call, by the call's id.
    early: HashMap<String, Early>,
    early_bytes: usize,
    /// Bytes of the inputs that open calls hold.
    held_bytes: usize,
}

/// A line with a result whose call has not been seen.
#[derive(Debug)]
struct Early {
    line: Vec<u8>,
    number: u64,
}

/// Where and when a line's steps happened.
#[derive(Clone, Debug)]
struct Place {
    key: TrajectoryKey,
    /// Whether a subagent's run, where prompts are its parent's.
    by_agent: bool,
    cwd: String,
    at: Option<i64>,
    line: u64,
    /// What the line is known by across files.
    source: String,
}

/// A result with the id of its call, and the bytes of its line.
#[derive(Clone, Copy)]
struct Found<'a> {
    id: &'a str,
    result: ToolResult<'a>,
    line: &'a [u8],
}

impl<'e> Assembler<'e> {
    /// An assembler for the file at `path`, whose name tells the session and the agent where its
    /// lines do not. What `exclusions` exclude is left out.
    pub(super) fn new(path: &Path, exclusions: &'e Exclusions) -> Self {
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let (session, agent) = match stem.strip_prefix("agent-") {
            Some(agent) => (parent_session(path).unwrap_or_default(), agent.to_owned()),
            None => (stem, String::new()),
        };
        let meta = TranscriptMeta { session, agent: agent.clone(), ..TranscriptMeta::default() };
        Self {
            exclusions,
            file_agent: agent,
            meta,
            chunk: Chunk::default(),
            seen: HashSet::default(),
            open: HashMap::default(),
            early: HashMap::default(),
            early_bytes: 0,
            held_bytes: 0,
        }
    }

    /// Takes in the line `number`.
    pub(super) fn line(&mut self, number: u64, bytes: &[u8], account: &mut Account) -> Verdict {
        parts::each_object(bytes, &mut |kind, top, object| match kind {
            Kind::User | Kind::Assistant | Kind::System | Kind::Attachment => {
                self.chain(kind, top, object, number, account)
            }
            Kind::Progress => match nested(top) {
                Some((kind, inner)) => self.chain(kind, &inner, object, number, account),
                None => Verdict::Skipped(Skip::Progress),
            },
            Kind::Housekeeping => Verdict::Skipped(Skip::Housekeeping),
            Kind::ApiRequest => Verdict::Skipped(Skip::ApiRequest),
            Kind::Unknown => {
                account.add_unknown(&wire::string(top.kind).unwrap_or_default());
                Verdict::Skipped(Skip::UnknownType)
            }
        })
    }

    /// How many steps and updates wait to be taken.
    pub(super) fn waiting(&self) -> usize {
        self.chunk.steps.len() + self.chunk.updates.len()
    }

    /// Hands out the steps so far. Calls among them that have no result yet get it later, as an
    /// update.
    pub(super) fn take_chunk(&mut self) -> Chunk {
        for open in self.open.values_mut() {
            open.find_detail(&mut self.chunk);
            open.slot = None;
        }
        self.held_bytes = 0;
        std::mem::take(&mut self.chunk)
    }

    /// What the lines tell of the file as a whole.
    pub(super) fn into_meta(self) -> TranscriptMeta {
        self.meta
    }

    /// The ids of the calls whose results were seen without them.
    pub(super) fn missing_calls(&self) -> Vec<String> {
        self.early.keys().cloned().collect()
    }

    /// The ids of the calls without a result.
    pub(super) fn open_calls(&self) -> Vec<String> {
        self.open.keys().cloned().collect()
    }

    /// Settles those of `calls` that are open and whose result stands on `line`, which an earlier
    /// reading consumed as its `number`th or before.
    pub(super) fn settle_with(&mut self, calls: &[String], line: &[u8], number: u64) {
        for id in calls {
            self.settle_from(id, line, number);
        }
    }

    /// The calls without a result, by id; `None` for those that are left out.
    pub(super) fn into_open_calls(mut self) -> impl Iterator<Item = (String, Option<Call>)> {
        let _steps = self.take_chunk();
        self.open.into_iter().map(|(id, open)| (id, open.call))
    }

    /// Takes in a call that an earlier reading handed out, so that its result becomes an update,
    /// or that it left out.
    pub(super) fn adopt(&mut self, id: &str, call: Option<Call>) {
        self.open.insert(id.to_owned(), Open::adopted(call));
        self.settle_early(id);
    }

    /// Settles the results whose calls stand in no line read: their calls may be in another file.
    /// Where steps are left out, such a call may be one of them, and its result is left out too.
    pub(super) fn settle_orphans(&mut self) {
        if !self.exclusions.is_without_steps() {
            self.early.clear();
            self.early_bytes = 0;
            return;
        }
        let mut ids: Vec<(u64, String)> =
            self.early.iter().map(|(id, early)| (early.number, id.clone())).collect();
        ids.sort_unstable();
        for (_, id) in ids {
            self.adopt(&id, Some(Call::default()));
        }
    }

    /// Takes in a line of the conversation.
    fn chain(
        &mut self,
        kind: Kind,
        top: &Top,
        line: &[u8],
        number: u64,
        account: &mut Account,
    ) -> Verdict {
        let place = self.place(top, number);
        self.note(&place, top);
        if let Some(uuid) = top.uuid.and_then(wire::string)
            && !self.seen.insert(StepId::derive(&format!("line {uuid}")))
        {
            return Verdict::Skipped(Skip::Repeated);
        }
        let left_out = place.by_agent && self.exclusions.subagents();
        if left_out || self.exclusions.folder(&place.cwd) {
            return Verdict::Skipped(Skip::Excluded);
        }
        match kind {
            Kind::User => self.user(top, &place, line),
            Kind::Assistant => self.assistant(top, &place),
            Kind::System => self.system(top, &place),
            _ => self.attachment(top, &place, account),
        }
    }

    /// Where and when the steps of a line with these members happened.
    fn place(&self, top: &Top, line: u64) -> Place {
        let text = |raw: Option<&[u8]>| raw.and_then(wire::string).map(Cow::into_owned);
        let session = text(top.session).unwrap_or_else(|| self.meta.session.clone());
        let named = text(top.agent).filter(|agent| !agent.is_empty());
        let agent = if !self.file_agent.is_empty() {
            named.unwrap_or_else(|| self.file_agent.clone())
        } else if top.sidechain {
            named.unwrap_or_else(|| INLINE_AGENT.to_owned())
        } else {
            String::new()
        };
        let original = top.forked_from.and_then(|from| wire::string_member(from, "messageUuid"));
        let source = original.or_else(|| top.uuid.and_then(wire::string));
        Place {
            source: source.map_or_else(|| format!("{session} {agent} {line}"), Into::into),
            by_agent: !agent.is_empty(),
            key: TrajectoryKey { session, agent },
            cwd: text(top.cwd).unwrap_or_default(),
            at: top.timestamp.and_then(wire::millis),
            line,
        }
    }

    /// Keeps what the line tells of the file as a whole.
    fn note(&mut self, place: &Place, top: &Top) {
        let meta = &mut self.meta;
        if !meta.confirmed {
            meta.session.clone_from(&place.key.session);
            meta.confirmed = true;
        }
        if let Some(at) = place.at {
            meta.first = Some(meta.first.map_or(at, |first| first.min(at)));
            meta.last = Some(meta.last.map_or(at, |last| last.max(at)));
        }
        let known = meta.cwds.contains(&place.cwd) || meta.cwds.len() >= MAX_CWDS;
        if !place.cwd.is_empty() && !known {
            meta.cwds.push(place.cwd.clone());
        }
        for (raw, kept) in [(top.branch, &mut meta.branch), (top.version, &mut meta.version)] {
            if let Some(text) = raw.and_then(wire::string)
                && *text != **kept
            {
                *kept = text.into_owned();
            }
        }
    }

    /// A line in the user's name: tool results, or a text.
    fn user(&mut self, top: &Top, place: &Place, line: &[u8]) -> Verdict {
        let Some(content) = &top.message.content else { return Verdict::Bad(Bad::Shape) };
        let mut verdict: Option<Verdict> = None;
        let mut texts = Vec::new();
        for block in content.blocks() {
            match block {
                Block::Text(raw) => texts.extend(wire::string(raw)),
                Block::Result { id, content, is_error } => {
                    let result = ToolResult { content, is_error, top };
                    let part = match wire::string(id) {
                        Some(id) => self.result(Found { id: &id, result, line }, place),
                        None => Verdict::Bad(Bad::Shape),
                    };
                    verdict = Some(verdict.map_or(part, |before| before.and(part)));
                }
                Block::Use { .. } | Block::Other => {}
            }
        }
        let text = texts.join("\n");
        match verdict {
            Some(verdict) => verdict.and(self.beside_results(&text, place)),
            None => self.said(&text, top, place),
        }
    }

    /// A text that stands beside tool results: the user's words about them.
    fn beside_results(&mut self, text: &str, place: &Place) -> Verdict {
        let skipped = Verdict::Skipped(Skip::NoWords);
        if text.trim_start().starts_with(outcome::INTERRUPT) {
            return self.push(place, "", Body::Interrupt);
        }
        if place.by_agent {
            return skipped;
        }
        person::interjected(text).map_or(skipped, |words| self.feedback(place, "", &words, ""))
    }

    /// A text in the user's name.
    fn said(&mut self, text: &str, top: &Top, place: &Place) -> Verdict {
        match person::said(text, top, place.by_agent) {
            Said::Nothing(skip) => Verdict::Skipped(skip),
            Said::Interrupt => self.push(place, "", Body::Interrupt),
            Said::Prompt(words, author) => {
                let text = stored(&without_private(&words), Limit::PROMPT);
                if text.is_empty() {
                    return Verdict::Skipped(Skip::NoWords);
                }
                if self.names_excluded(&words, place) {
                    // It stays without words: it parts what was before from what came after.
                    self.push(place, "", Body::Prompt { text: String::new(), author });
                    return Verdict::Skipped(Skip::Excluded);
                }
                self.push(place, "", Body::Prompt { text, author })
            }
        }
    }

    /// Whether words of a person or of the agent name something that is excluded.
    fn names_excluded(&self, words: &str, place: &Place) -> bool {
        self.exclusions.named_in(words, exclude::Text::Prose, &place.cwd)
    }

    /// A tool result: settles its call, or waits for it.
    fn result(&mut self, found: Found, place: &Place) -> Verdict {
        if let Some(open) = self.open.remove(found.id) {
            return self.settle(open, found, place);
        }
        if self.seen.contains(&StepId::derive(found.id)) || self.early.contains_key(found.id) {
            return Verdict::Skipped(Skip::Repeated);
        }
        if self.early_bytes + found.line.len() > MAX_EARLY {
            let known = self.exclusions.is_without_steps();
            let call = known.then(Call::default);
            return self.settle(Open::adopted(call), found, place);
        }
        self.early_bytes += found.line.len();
        let early = Early { line: found.line.to_vec(), number: place.line };
        self.early.insert(found.id.to_owned(), early);
        Verdict::Learned
    }

    /// Settles the call `id`, which is open, if its result was seen before it.
    fn settle_early(&mut self, id: &str) {
        let Some(early) = self.early.remove(id) else { return };
        self.early_bytes -= early.line.len();
        self.settle_from(id, &early.line, early.number);
    }

    /// Settles the call `id`, if it is open, with its result on `line`.
    fn settle_from(&mut self, id: &str, line: &[u8], number: u64) {
        let Ok((kind, top, _)) = Top::read(line) else { return };
        let inner = if kind == Kind::Progress { nested(&top).map(|(_, top)| top) } else { None };
        let top = inner.unwrap_or(top);
        let place = self.place(&top, number);
        for block in top.message.content.iter().flat_map(Content::blocks) {
            if let Block::Result { id: raw, content, is_error } = block
                && wire::string(raw).as_deref() == Some(id)
                && let Some(open) = self.open.remove(id)
            {
                let result = ToolResult { content, is_error, top: &top };
                self.settle(open, Found { id, result, line }, &place);
            }
        }
    }

    /// Puts the outcome that `found` tells on its call. One whose message names something that is
    /// excluded is left out: how the call ended then stays unknown.
    fn settle(&mut self, mut open: Open, found: Found, place: &Place) -> Verdict {
        let step = StepId::derive(found.id);
        self.seen.insert(step);
        self.held_bytes -= open.input.as_ref().map_or(0, Vec::len);
        let left_out = Verdict::Skipped(Skip::Excluded);
        let Some(opened) = &open.call else { return left_out };
        let (outcome, message) = outcome::classify(opened, &found.result);
        let excluded = self.exclusions.named_in(&message, exclude::Text::Output, &place.cwd);
        let worked = outcome == Outcome::Success;
        if excluded || !worked || !call::is_retold(opened, &found.result) {
            open.find_detail(&mut self.chunk);
        }
        let Some(opened) = open.call.as_ref().filter(|_| !excluded) else { return left_out };
        let error = stored(&message, Limit::ERROR);
        let kept = |path: &str| !self.exclusions.path(path, &place.cwd);
        let detail = if worked { call::result_detail(opened, &found.result, &kept) } else { None };
        match step_of(&mut self.chunk, open.slot) {
            Some(Step { body: Body::Call(call), .. }) => {
                call.outcome = outcome;
                call.error = error;
                if let Some(detail) = detail {
                    call.detail = detail;
                }
            }
            _ => self.chunk.updates.push(Update { call: step, outcome, error, detail }),
        }
        self.words_in_result(opened, outcome, found, place);
        Verdict::Learned
    }

    /// The user's words that a result carries: the comment of a refusal, the answers to questions.
    fn words_in_result(&mut self, call: &Call, outcome: Outcome, found: Found, place: &Place) {
        let at = Place { source: found.id.to_owned(), ..place.clone() };
        if outcome == Outcome::Rejected
            && let Some(words) = outcome::comment(&found.result)
        {
            self.feedback(&at, "said", &words, &call.subject);
        }
        if outcome == Outcome::Success && call.tool == "AskUserQuestion" {
            for (i, (question, answer)) in outcome::answers(&found.result).iter().enumerate() {
                self.feedback(&at, &format!("answer {i}"), answer, question);
            }
        }
    }

    /// Adds the user's words about something.
    fn feedback(&mut self, place: &Place, part: &str, words: &str, about: &str) -> Verdict {
        let text = stored(&without_private(words), Limit::FEEDBACK);
        if text.is_empty() {
            return Verdict::Skipped(Skip::NoWords);
        }
        if self.names_excluded(words, place) || self.names_excluded(about, place) {
            return Verdict::Skipped(Skip::Excluded);
        }
        let about = stored(about, Limit::FEEDBACK);
        self.push(place, part, Body::Feedback { text, about })
    }

    /// A line of the agent: its calls.
    fn assistant(&mut self, top: &Top, place: &Place) -> Verdict {
        if top.api_error || top.message.model == Some(br#""<synthetic>""#) {
            return Verdict::Skipped(Skip::ApiError);
        }
        let Some(content) = &top.message.content else { return Verdict::Bad(Bad::Shape) };
        let calls = content.blocks().filter_map(|block| match block {
            Block::Use { id, name, input } => Some(self.call(id, name, input, place)),
            _ => None,
        });
        calls.reduce(Verdict::and).unwrap_or(Verdict::Skipped(Skip::AgentText))
    }

    /// A call of the agent.
    fn call(&mut self, id: &[u8], name: &[u8], input: &[u8], place: &Place) -> Verdict {
        let (Some(id), Some(name)) = (wire::string(id), wire::string(name)) else {
            return Verdict::Bad(Bad::Shape);
        };
        let step = StepId::derive(&id);
        if id.is_empty() || !self.seen.insert(step) {
            return Verdict::Skipped(Skip::Repeated);
        }
        if call::is_excluded(&name, input, self.exclusions, &place.cwd) {
            self.open.insert(id.clone().into_owned(), Open::adopted(None));
            self.settle_early(&id);
            return Verdict::Skipped(Skip::Excluded);
        }
        let mut call = call::opened(&name, input);
        let held = call::may_be_retold(&name) && self.held_bytes + input.len() <= MAX_HELD;
        let input = if held {
            self.held_bytes += input.len();
            Some(input.to_vec())
        } else {
            call.detail = call::detail(&name, input);
            None
        };
        let slot = Some(self.chunk.steps.len());
        self.push_as(step, place, Body::Call(call.clone()));
        self.open.insert(id.clone().into_owned(), Open { call: Some(call), slot, input });
        self.settle_early(&id);
        Verdict::Learned
    }

    /// A note of the client.
    fn system(&mut self, top: &Top, place: &Place) -> Verdict {
        match top.subtype {
            Some(br#""compact_boundary""#) => self.push(place, "", Body::Compaction),
            _ => Verdict::Skipped(Skip::System),
        }
    }

    /// Something attached: what MANA's hook delivered, or a message typed while the agent worked.
    fn attachment(&mut self, top: &Top, place: &Place, account: &mut Account) -> Verdict {
        let skipped = Verdict::Skipped(Skip::Attachment);
        let Some(attachment) = top.attachment else { return skipped };
        match scan::member(attachment, "type") {
            Some(br#""hook_additional_context""#) => {
                self.injection(attachment, place).unwrap_or(skipped)
            }
            Some(br#""hook_success""#) => {
                if let Some(time) = own_hook_time(attachment) {
                    account.add_hook(time);
                }
                skipped
            }
            Some(br#""queued_command""#) if !place.by_agent => {
                let field = |name| wire::string_member(attachment, name);
                let origin = scan::member(attachment, "origin");
                let kind = origin.and_then(|origin| wire::string_member(origin, "kind"));
                let notice = field("commandMode").is_some_and(|mode| mode == "task-notification");
                if notice || kind.is_some_and(|kind| kind != "human") {
                    return Verdict::Skipped(Skip::TaskNotice);
                }
                let text = wire::content_text(scan::member(attachment, "prompt").unwrap_or(b""));
                person::interjected(&text)
                    .map_or(skipped, |words| self.feedback(place, "", &words, ""))
            }
            _ => skipped,
        }
    }

    /// A context that a hook delivered, if it is MANA's.
    fn injection(&mut self, attachment: &[u8], place: &Place) -> Option<Verdict> {
        let text = wire::content_text(scan::member(attachment, "content")?);
        let patterns = marked_ids(&text);
        if patterns.is_empty() {
            return None;
        }
        let field = |name| wire::string_member(attachment, name).unwrap_or_default().into_owned();
        let event = field("hookEvent");
        // Session and prompt events have an id of their own there, which is no call's.
        let of_call = event.starts_with("PreToolUse") || event.starts_with("PostToolUse");
        let tool_use = if of_call { field("toolUseID") } else { String::new() };
        Some(self.push(place, "", Body::Injection { event, tool_use, patterns }))
    }

    /// Adds a step known by its line, or by a `part` of it.
    fn push(&mut self, place: &Place, part: &str, body: Body) -> Verdict {
        let source = &place.source;
        let id = match part {
            "" => StepId::derive(source),
            part => StepId::derive(&format!("{source} {part}")),
        };
        if !self.seen.insert(id) {
            return Verdict::Skipped(Skip::Repeated);
        }
        self.push_as(id, place, body);
        Verdict::Learned
    }

    /// Adds a step.
    fn push_as(&mut self, id: StepId, place: &Place, body: Body) {
        let step = Step { id, at: place.at, cwd: place.cwd.clone(), line: place.line, body };
        self.chunk.steps.push((place.key.clone(), step));
    }
}

/// A subagent's line inside a progress line, with what only the outer line tells.
fn nested<'a>(outer: &Top<'a>) -> Option<(Kind, Top<'a>)> {
    let data = outer.data?;
    if scan::member(data, "type") != Some(br#""agent_progress""#) {
        return None;
    }
    let (kind, mut inner, _) = Top::read(scan::member(data, "message")?).ok()?;
    if !matches!(kind, Kind::User | Kind::Assistant) {
        return None;
    }
    inner.sidechain = true;
    inner.session = inner.session.or(outer.session);
    inner.agent = scan::member(data, "agentId").or(outer.agent).or(outer.parent_call);
    inner.timestamp = inner.timestamp.or(outer.timestamp);
    inner.cwd = inner.cwd.or(outer.cwd);
    inner.branch = inner.branch.or(outer.branch);
    inner.version = inner.version.or(outer.version);
    Some((kind, inner))
}

/// The session whose `subagents` folder `path` lies in.
fn parent_session(path: &Path) -> Option<String> {
    let subagents = path.ancestors().find(|folder| folder.ends_with("subagents"))?;
    Some(subagents.parent()?.file_name()?.to_string_lossy().into_owned())
}

/// Milliseconds that a hook took which the client ran, as it measured them; `None` for other
/// programs' hooks.
fn own_hook_time(attachment: &[u8]) -> Option<u64> {
    let command = wire::string_member(attachment, "command")?;
    // A path may hold blanks and the whole may be quoted; arguments follow where there are any.
    let program = command.rsplit('/').next()?.split_whitespace().next()?;
    let own = program.trim_matches(['"', '\'']) == "mana";
    let time = scan::member(attachment, "durationMs").filter(|_| own)?;
    std::str::from_utf8(time).ok()?.parse::<f64>().ok().map(|time| time as u64)
}
