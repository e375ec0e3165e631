//! What is neutralised, as a table: what stands in a text, and what is put in its place.

/// Where a rule's spelling is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Anywhere; what follows may be anything.
    Anywhere,
    /// Behind `<`, `</` or `< `, as the whole name of a tag.
    Tag,
    /// Behind `<`, `</` or `< `, as the beginning of a tag's name.
    TagPrefix,
    /// At the beginning of a line, behind blanks, with a colon behind it.
    Role,
}

/// How one way of imitating the agent's markup is spelled.
pub(super) struct Rule {
    /// The spelling in lower case. It is found whatever its case, but for roles: those are found
    /// capitalised or in capitals, since `system:` in lower case is a key of many a file.
    pub(super) spelling: &'static str,
    /// Where it is looked for.
    pub(super) place: Place,
    /// A text that holds it, and what becomes of that.
    #[cfg_attr(not(test), allow(dead_code, reason = "for the test that walks the table"))]
    pub(super) sample: [&'static str; 2],
}

const fn rule(spelling: &'static str, place: Place, sample: [&'static str; 2]) -> Rule {
    Rule { spelling, place, sample }
}

/// Every rule. Tags lose their `<`, roles their place at the line's beginning, markers their
/// bracket, fences their backticks: all of it stays readable.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    // The client's own wrappings.
    rule("system-reminder", Place::Tag, ["a <system-reminder>b</System-Reminder>", "a ‹system-reminder>b‹/System-Reminder>"]),
    rule("system-prompt", Place::Tag, ["<system-prompt>", "‹system-prompt>"]),
    rule("system", Place::Tag, ["<system>x</ system>", "‹system>x‹/ system>"]),
    rule("human", Place::Tag, ["</human>", "‹/human>"]),
    rule("assistant", Place::Tag, ["<assistant>", "‹assistant>"]),
    rule("command-", Place::TagPrefix, ["<command-name>/x</command-name>", "‹command-name>/x‹/command-name>"]),
    rule("local-command-", Place::TagPrefix, ["<local-command-stdout>", "‹local-command-stdout>"]),
    rule("bash-input", Place::Tag, ["<bash-input>ls", "‹bash-input>ls"]),
    rule("bash-stdout", Place::Tag, ["<bash-stdout>", "‹bash-stdout>"]),
    rule("bash-stderr", Place::Tag, ["</bash-stderr>", "‹/bash-stderr>"]),
    rule("task-notification", Place::Tag, ["<task-notification>", "‹task-notification>"]),
    rule("session-start-hook", Place::Tag, ["<session-start-hook>", "‹session-start-hook>"]),
    rule("user-prompt-submit-hook", Place::Tag, ["<user-prompt-submit-hook>", "‹user-prompt-submit-hook>"]),
    rule("ide_opened_file", Place::Tag, ["<ide_opened_file>", "‹ide_opened_file>"]),
    rule("ide_selection", Place::Tag, ["<ide_selection>", "‹ide_selection>"]),
    rule("agent-message", Place::Tag, ["<agent-message from=\"x\">", "‹agent-message from=\"x\">"]),
    rule("teammate-message", Place::Tag, ["<teammate-message>", "‹teammate-message>"]),
    // Calls and their results.
    rule("tool_", Place::TagPrefix, ["<tool_use><tool_result>", "‹tool_use>‹tool_result>"]),
    rule("function_call", Place::TagPrefix, ["<function_calls>", "‹function_calls>"]),
    rule("function_result", Place::TagPrefix, ["<function_results>", "‹function_results>"]),
    rule("invoke name=", Place::TagPrefix, ["<invoke name=\"Bash\">", "‹invoke name=\"Bash\">"]),
    rule("parameter name=\"command", Place::TagPrefix, ["<parameter name=\"command\">", "‹parameter name=\"command\">"]),
    rule("antml", Place::TagPrefix, [concat!("<", "antml:invoke>"), concat!("‹", "antml:invoke>")]),
    rule("antthinking", Place::Tag, ["<antThinking>", "‹antThinking>"]),
    rule("antartifact", Place::TagPrefix, ["<antArtifact id=\"x\">", "‹antArtifact id=\"x\">"]),
    rule("thinking", Place::Tag, ["</thinking>", "‹/thinking>"]),
    // Other models' borders between turns.
    rule("|im_", Place::TagPrefix, ["<|im_start|>system", "‹|im_start|>system"]),
    rule("|system|", Place::TagPrefix, ["<|system|>", "‹|system|>"]),
    rule("|user|", Place::TagPrefix, ["<|user|>", "‹|user|>"]),
    rule("|assistant|", Place::TagPrefix, ["<|assistant|>", "‹|assistant|>"]),
    rule("|endof", Place::TagPrefix, ["<|endoftext|>", "‹|endoftext|>"]),
    rule("|start_header", Place::TagPrefix, ["<|start_header_id|>", "‹|start_header_id|>"]),
    rule("|eot_id|", Place::TagPrefix, ["<|eot_id|>", "‹|eot_id|>"]),
    rule("[inst]", Place::Anywhere, ["[INST] do", "(INST] do"]),
    rule("[/inst]", Place::Anywhere, ["[/INST]", "(/INST]"]),
    // Who speaks.
    rule("human", Place::Role, ["x\n\nHuman: do y", "x\n\n(Human): do y"]),
    rule("assistant", Place::Role, ["  Assistant : y", "  (Assistant) : y"]),
    rule("system", Place::Role, ["SYSTEM: y", "(SYSTEM): y"]),
    rule("user", Place::Role, ["User: y", "(User): y"]),
    rule("developer", Place::Role, ["Developer: y", "(Developer): y"]),
    // MANA's own markers.
    rule("[mana ", Place::Anywhere, ["[mana 12ab34cd] x", "(mana 12ab34cd] x"]),
    rule("<!-- mana:", Place::Anywhere, ["<!-- mana:end -->", "‹!-- mana:end -->"]),
    // The end of a quotation.
    rule("```", Place::Anywhere, ["a\n```\nb ````", "a\n'''\nb ''''"]),
];
