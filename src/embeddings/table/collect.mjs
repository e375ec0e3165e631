// Collects the texts the shipped table is fitted on, one a line, from unpacked packages.
//
//   node collect.mjs FOLDER > texts.txt
//
// `FOLDER` holds the packages that `scripts/make-static-table` unpacks: `crates`, `npm`, `python`.
// The result is a function of their files alone: files are read in order of their paths, and where
// a source has more texts than it may give, those with the smallest hash stay.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { pathToFileURL } from "node:url";

const root = process.argv[2];
const LONGEST = 300;

/** How many texts each source gives. The shares follow what MANA stores: commands first. */
const SHARES = {
  descriptions: 12000,
  commands: 14000,
  prose: 12000,
  code: 9000,
  errors: 6000,
};
/** How many texts one program of the completion specifications gives: `aws` alone has thousands. */
const PER_PROGRAM = 90;

const hash = (text) => createHash("sha256").update(text).digest();
const number = (text) => hash(text).readUInt32BE(0);
const pick = (list, seed) => list[number(seed) % list.length];
const clean = (text) => text.replace(/\s+/g, " ").trim().slice(0, LONGEST);

/** The `count` texts with the smallest hashes. */
function sample(texts, count) {
  const keyed = [...new Set(texts)].map((text) => [hash(text), text]);
  keyed.sort((a, b) => Buffer.compare(a[0], b[0]));
  return keyed.slice(0, count).map(([, text]) => text);
}

/** All files under `folder` whose name matches, in order of their paths. */
function files(folder, matches) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && matches.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
const longest = (names) => names.reduce((a, b) => (b.length > a.length ? b : a), "");
const plain = (value) => typeof value === "string" && value.trim() !== "";

/** What commands look like in an agent's shell: rarely alone. `%` is the command. */
const FRAMES = [
  "%", "%", "%", "%", "%", "%",
  "% 2>&1 | tail -20", "% 2>&1 | head -50", "cd app && %", "cd /srv/project && % 2>&1 | tail -5",
  "% || true", "% && git status", "git add -A && %", '% | grep -E "error|warning"',
  "% > /tmp/out.log 2>&1; echo $?", "timeout 60 %", "FOO=1 %", 'for f in *.txt; do % "$f"; done',
];
const WORDS = {
  file: ["src/main.rs", "package.json", "README.md", "config.yaml", "internal/api/server.go", "test_utils.py", "docs/index.md"],
  path: ["src/", "./build", "/tmp/work", "../other", "internal/", "~/projects"],
  folder: ["src", "dist", "node_modules", "tests", "cmd"],
  branch: ["main", "feature/login", "origin/main", "fix-tests"],
  message: ['"Fix the parser"', '"Add tests for the client"', '"Update dependencies"'],
  name: ["server", "app", "default", "web", "user-service"],
  url: ["https://example.com/api", "git@example.com:team/app.git"],
};

/** A value for an argument that the specification calls `name`. */
function value(name, seed) {
  const word = Object.keys(WORDS).find((key) => name.toLowerCase().includes(key));
  return word ? pick(WORDS[word], seed) : name.replace(/[<>[\]]/g, "").split(" ")[0];
}

/** Descriptions of one subcommand and its options, and two commands made of it. */
function walk(node, path, out, depth) {
  const options = list(node.options).filter((option) => option && option.name);
  const command = (salt) => {
    const seed = path + salt;
    const count = Math.min(options.length, number(seed) % 3);
    const parts = [path];
    for (let n = 0; n < count; n++) {
      const option = pick(options, `${seed} option ${n}`);
      const flag = number(seed + n) % 2 ? longest(list(option.name)) : list(option.name)[0];
      parts.push(flag);
      const argument = list(option.args)[0];
      if (argument && plain(argument.name)) parts.push(value(argument.name, seed + n));
    }
    for (const argument of list(node.args).slice(0, 2)) {
      if (argument && plain(argument.name)) parts.push(value(argument.name, seed + argument.name));
    }
    return pick(FRAMES, `${seed} frame`).replace("%", () => parts.join(" "));
  };
  if (plain(node.description)) out.descriptions.push(`${clean(node.description)}`);
  out.commands.push(clean(command(" a")), clean(command(" b")));
  for (const option of options) {
    // With the program before it, as half of the descriptions people write have it.
    if (plain(option.description)) {
      const before = number(option.description) % 2 ? `${path}: ` : "";
      out.descriptions.push(before + clean(option.description));
    }
  }
  if (depth === 0) return;
  for (const child of list(node.subcommands)) {
    if (child && child.name) walk(child, `${path} ${list(child.name)[0]}`, out, depth - 1);
  }
}

async function completions(found) {
  const programs = new Map();
  for (const file of files("npm/@withfig/autocomplete/build", /\.js$/)) {
    let spec;
    try {
      spec = (await import(pathToFileURL(file))).default;
    } catch {
      continue; // Some of them need the program they were written for.
    }
    if (!spec || typeof spec !== "object" || !spec.name) continue;
    const inside = relative(join(root, "npm/@withfig/autocomplete/build"), file).split("/");
    const program = inside[0].replace(/\.js$/, "");
    const name = inside.length > 1 ? `${program} ${list(spec.name)[0]}` : list(spec.name)[0];
    if (!programs.has(program)) programs.set(program, { descriptions: [], commands: [] });
    walk(spec, name, programs.get(program), 3);
  }
  for (const { descriptions, commands } of programs.values()) {
    found.descriptions.push(...sample(descriptions, PER_PROGRAM));
    found.commands.push(...sample(commands, PER_PROGRAM));
  }
}

/** Prose and commands of a Markdown file. */
function markdown(text, found) {
  let fence = null;
  let paragraph = [];
  const flush = () => {
    const prose = clean(paragraph.join(" ").replace(/\]\([^)]*\)/g, "]"));
    if (prose.split(" ").length >= 4) found.prose.push(prose);
    paragraph = [];
  };
  for (const line of text.split("\n")) {
    const mark = /^\s*```+\s*(\w*)/.exec(line);
    if (mark) {
      flush();
      fence = fence === null ? mark[1] : null;
    } else if (fence !== null) {
      const shell = /^(sh|bash|shell|console|zsh|)$/.test(fence);
      const prompt = /^\s*[$>] (.+)/.exec(line);
      if (prompt) found.commands.push(clean(prompt[1]));
      else if (shell && fence !== "" && /^[a-z][\w./-]* /.test(line)) found.commands.push(clean(line));
    } else if (/^( {4}|\t)\$? ?\S/.test(line) && paragraph.length === 0) {
      found.commands.push(clean(line.replace(/^\s*\$ /, "")));
    } else if (line.trim() === "" || /^#|^\s*[-*|<]/.test(line)) {
      flush();
      const item = /^#+ (.+)|^\s*[-*] (.+)/.exec(line);
      if (item) paragraph.push(item[1] ?? item[2]);
    } else {
      paragraph.push(line);
    }
  }
  flush();
}

/** Documentation, code lines and error texts of a source file. */
function source(text, comment, found) {
  let paragraph = [];
  const flush = () => {
    const prose = clean(paragraph.join(" "));
    if (prose.split(" ").length >= 5) found.prose.push(prose);
    paragraph = [];
  };
  for (const line of text.split("\n")) {
    const doc = comment.exec(line);
    if (doc && doc[1].trim() !== "") {
      paragraph.push(doc[1]);
      continue;
    }
    flush();
    const code = clean(line);
    if (!doc && code.length >= 25 && /[a-z]{3}/i.test(code) && /[(={:]/.test(code)) found.code.push(code);
    const error = /(?:error|bail|anyhow|panic|expect|Error|raise \w+|format)!?\(\s*f?"([^"]{15,})"/.exec(line);
    if (error) found.errors.push(clean(error[1]));
  }
  flush();
}

/** What `cargo` prints, as its own tests expect it. */
function expectations(text, found) {
  for (const line of text.split("\n")) {
    const said = /^\s*\[(ERROR|WARNING)\] (.{10,})/.exec(line) ?? /^\s*(error|warning)(?:\[E\d+\])?: (.{10,})/.exec(line);
    if (said) found.errors.push(clean(`${said[1].toLowerCase()}: ${said[2]}`));
    const run = /cargo\("([^"]+)"\)/.exec(line);
    if (run) found.commands.push(clean(`cargo ${run[1]}`));
  }
}

/** The compiler's messages, with names where it puts them. */
function diagnostics(text, found) {
  const names = ["Props", "foo", "string", "UserService", "undefined", "./utils", "number", "onClick"];
  const each = /diag\((\d+), \d \/\*[^*]*\*\/, "[^"]*", "((?:[^"\\]|\\.)*)"/g;
  for (const [, code, message] of text.matchAll(each)) {
    const filled = JSON.parse(`"${message}"`).replace(/\{(\d)\}/g, (_, n) => pick(names, code + n));
    found.errors.push(clean(number(code) % 2 ? `error TS${code}: ${filled}` : filled));
  }
}

const found = { descriptions: [], commands: [], prose: [], code: [], errors: [] };
await completions(found);
for (const file of files(".", /\.(md|rs|py|js|ts)$/)) {
  if (file.includes("@withfig") || /\.min\.js$|[^\x20-\x7e]/.test(file)) continue;
  const text = readFileSync(file, "utf8");
  if (basename(file) === "_tsc.js") diagnostics(text, found);
  else if (file.endsWith(".md")) markdown(text, found);
  else if (text.length > 400_000) continue;
  else if (file.endsWith(".rs")) {
    source(text, /^\s*\/\/[/!] ?(.*)/, found);
    if (file.includes("/testsuite/")) expectations(text, found);
  } else if (file.endsWith(".py")) source(text, /^\s*# ?(.*)/, found);
  else source(text, /^\s*(?:\/\/|\*) ?(.*)/, found);
}

const texts = [];
for (const [kind, count] of Object.entries(SHARES)) {
  const chosen = sample(found[kind].filter((text) => text.length >= 8), count);
  console.error(`${kind}: ${chosen.length} of ${found[kind].length}`);
  texts.push(...chosen);
}
process.stdout.write(sample(texts, texts.length).join("\n") + "\n");
