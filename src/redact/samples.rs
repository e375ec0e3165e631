//! Makes secrets and harmless look-alikes for the tests, from a seed. The shapes are written down
//! apart from the rules, so that a rule that is too narrow shows.

/// A small generator (split mix, 64 bits), the same on every machine.
pub(super) struct Dice(u64);

impl Dice {
    /// A generator that starts from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    /// `count` characters of `alphabet`.
    fn string(&mut self, alphabet: &str, count: usize) -> String {
        (0..count).map(|_| char::from(alphabet.as_bytes()[self.below(alphabet.len())])).collect()
    }

    /// Fills in a shape: `{w36}` is 36 letters and digits, and so on (see [`alphabet`]); all else
    /// stands for itself.
    pub(super) fn fill(&mut self, shape: &str) -> String {
        let mut out = String::new();
        let mut rest = shape;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let hole = after.split_once('}').and_then(|(hole, tail)| {
                let letter = hole.get(..1)?;
                Some((letter, hole[1..].parse().ok()?, tail))
            });
            if let Some((letter, count, tail)) = hole {
                out.push_str(&self.string(alphabet(letter), count));
                rest = tail;
            } else {
                out.push('{');
                rest = after;
            }
        }
        out + rest
    }
}

/// The characters that a hole's letter stands for.
fn alphabet(letter: &str) -> &'static str {
    match letter {
        "d" => "0123456789",
        "n" => "123456789",
        "h" => "0123456789abcdef",
        "H" => "0123456789ABCDEF",
        "l" => "abcdefghijklmnopqrstuvwxyz0123456789",
        "a" => "abcdefghijklmnopqrstuvwxyz",
        "U" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "3" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "w" => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "s" => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-",
        "b" => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/",
        other => panic!("no alphabet for {other}"),
    }
}

/// Families of secrets: a name, what stands before, the secret's shape, what stands behind.
/// Prefixes are parted from their tails, so no scanner takes a shape for a token.
pub(super) const FAMILIES: &[(&str, &str, &str, &str)] = &[
    ("aws key", "", "AKIA{316}", ""),
    ("aws temporary key", "aws configure set aws_access_key_id ", "ASIA{316}", ""),
    ("aws secret", "AWS_SECRET_ACCESS_KEY=", "{b40}", ""),
    ("aws secret in json", "\"SecretAccessKey\": \"", "{b40}", "\""),
    ("google key", "", "AIza{s35}", ""),
    ("google oauth secret", "\"client_secret\": \"", "GOCSPX-{s28}", "\""),
    ("google access token", "", "ya29.a0{s120}", ""),
    ("google key id", "\"private_key_id\": \"", "{h40}", "\""),
    ("azure storage", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=", "{b86}==", ";"),
    ("azure sas", "https://x.blob.core.windows.net/c/b?sv=2022&sig=", "{w43}%3D", "&se=2030"),
    ("azure client secret", "", "{w3}8Q~{w34}", ""),
    ("azure bus", "Endpoint=sb://x/;SharedAccessKeyName=k;SharedAccessKey=", "{b43}=", ""),
    ("digitalocean", "", "dop_v1_{h64}", ""),
    ("cloudflare", "CLOUDFLARE_API_TOKEN=", "{s40}", ""),
    ("cloudflare global", "export CF_API_KEY=", "{h37}", ""),
    ("heroku", "HEROKU_API_KEY=", "{h8}-{h4}-{h4}-{h4}-{h12}", ""),
    ("heroku new", "", "HRKU-{s60}", ""),
    ("fly", "FLY_API_TOKEN=\"FlyV1 ", "fm2_{b120}", "\""),
    ("vercel", "VERCEL_TOKEN=", "{w24}", ""),
    ("netlify", "", "nfp_{w36}", ""),
    ("supabase", "", "sbp_{h40}", ""),
    ("planetscale", "", "pscale_tkn_{s43}", ""),
    ("neon", "", "napi_{l64}", ""),
    ("github classic", "", "ghp_{w36}", ""),
    ("github oauth", "", "gho_{w36}", ""),
    ("github app", "", "ghs_{w36}", ""),
    ("github refresh", "", "ghr_{w76}", ""),
    ("github fine-grained", "", "github_pat_{w22}_{w59}", ""),
    ("gitlab", "", "glpat-{s20}", ""),
    ("gitlab deploy", "", "gldt-{s20}", ""),
    ("gitlab runner", "", "glrt-{s20}", ""),
    ("gitlab job", "", "glcbt-64_{s20}", ""),
    ("bitbucket", "", "ATBB{w32}", ""),
    ("gitea", "GITEA_TOKEN=", "{h40}", ""),
    ("npm", "", "npm_{w36}", ""),
    ("npmrc", "//registry.example.org/:_authToken=", "{h8}-{h4}-{h4}-{h4}-{h12}", ""),
    ("pypi", "", "pypi-AgEIcHlwaS5vcmc{s90}", ""),
    ("crates.io", "", "cio{w32}", ""),
    ("rubygems", "", "rubygems_{h48}", ""),
    ("nuget", "", "oy2{l43}", ""),
    ("docker hub", "", "dckr_pat_{s27}", ""),
    ("anthropic", "", "sk-ant-api03-{s93}AA", ""),
    ("openai old", "", "sk-{w48}", ""),
    ("openai project", "", "sk-proj-{s74}T3BlbkFJ{s74}", ""),
    ("openai service", "", "sk-svcacct-{s70}", ""),
    ("openrouter", "", "sk-or-v1-{h64}", ""),
    ("hugging face", "", "hf_{w34}", ""),
    ("cohere", "COHERE_API_KEY=", "{w40}", ""),
    ("replicate", "", "r8_{w37}", ""),
    ("groq", "", "gsk_{w52}", ""),
    ("perplexity", "", "pplx-{w48}", ""),
    ("xai", "", "xai-{w80}", ""),
    ("mistral", "MISTRAL_API_KEY=", "{w32}", ""),
    ("slack bot", "", "xoxb-{n12}-{n13}-{w24}", ""),
    ("slack user", "", "xoxp-{n12}-{n12}-{n12}-{h32}", ""),
    ("slack webhook", "https://hooks.slack.com/services/", "T{U10}/B{U10}/{w24}", ""),
    ("discord bot", "", "MTI{w23}.G{w5}.{s38}", ""),
    ("discord webhook", "https://discord.com/api/webhooks/{n18}/", "{s68}", ""),
    ("telegram", "https://api.telegram.org/bot", "{n10}:AA{s33}", "/getMe"),
    ("twilio key", "", "SK{h32}", ""),
    ("twilio token", "TWILIO_AUTH_TOKEN=", "{h32}", ""),
    ("sendgrid", "", "SG.{s22}.{s43}", ""),
    ("mailgun", "", "key-{h32}", ""),
    ("mailchimp", "", "{h32}-us14", ""),
    ("postmark", "POSTMARK_SERVER_TOKEN=", "{h8}-{h4}-{h4}-{h4}-{h12}", ""),
    ("stripe live", "", "sk_live_{w24}", ""),
    ("stripe restricted", "", "rk_test_{w24}", ""),
    ("stripe webhook", "", "whsec_{w32}", ""),
    ("square", "", "sq0atp-{s22}", ""),
    ("paypal", "PAYPAL_CLIENT_SECRET=", "{s80}", ""),
    ("shopify", "", "shpat_{h32}", ""),
    ("linear", "", "lin_api_{w40}", ""),
    ("notion", "", "secret_{w43}", ""),
    ("notion new", "", "ntn_{n11}{w35}", ""),
    ("asana", "ASANA_PAT=", "1/{n16}:{h32}", ""),
    ("atlassian", "", "ATATT3xFfGF0{s180}", ""),
    ("figma", "", "figd_{s40}", ""),
    ("airtable", "", "pat{w14}.{h64}", ""),
    ("sentry", "", "sntrys_eyJ{w80}", ""),
    ("sentry dsn", "SENTRY_DSN=https://", "{h32}", "@o12.ingest.sentry.io/34"),
    ("datadog", "DD_API_KEY=", "{h32}", ""),
    ("datadog app", "datadog app key: ", "{h40}", ""),
    ("new relic", "", "NRAK-{U27}", ""),
    ("grafana", "", "glsa_{w32}_{h8}", ""),
    ("posthog", "", "phx_{w43}", ""),
    ("algolia", "ALGOLIA_ADMIN_API_KEY=", "{h32}", ""),
    ("databricks", "", "dapi{h32}", ""),
    ("snowflake", "SNOWFLAKE_PASSWORD=", "{w9}#{w4}", ""),
    ("vault", "", "hvs.CAES{s90}", ""),
    ("terraform", "", "{w14}.atlasv1.{s67}", ""),
    ("doppler", "", "dp.pt.{w43}", ""),
    ("1password", "", "ops_eyJ{w200}", ""),
    ("age", "", "AGE-SECRET-KEY-1{U58}", ""),
    (
        "rsa block",
        "-----BEGIN RSA PRIV{a0}ATE KEY-----\\n",
        "{b64}\\n{b64}\\n{b40}",
        "\\n-----END RSA PRIVATE KEY-----",
    ),
    ("ssh block cut", "-----BEGIN OPENSSH PRIV{a0}ATE KEY-----\\n", "{b70}\\n{b44}", ""),
    ("jwt", "", "eyJhbGciOiJIUzI1NiJ9.eyJ{w80}.{s43}", ""),
    ("bearer", "Authorization: Bearer ", "{w40}", ""),
    ("basic", "Authorization: Basic ", "YWRtaW46c3dvcmRmaXNo", ""),
    ("curl user", "curl -sS -u deploy:", "{w12}", " https://example.org/api"),
    ("postgres url", "postgres://app:", "{w16}", "@db.example.org/app"),
    ("mysql url", "mysql://root:", "{w10}", "@127.0.0.1:3306/app"),
    ("mongodb url", "mongodb+srv://app:", "{w14}", "@cluster0.example.net/?retryWrites=true"),
    ("redis url", "redis://:", "{w18}", "@cache:6379/0"),
    ("amqp url", "amqp://guest:", "{w9}", "@mq:5672/"),
    ("https url", "git clone https://me:", "{w20}", "@git.example.org/me/x.git"),
    ("password env", "DB_PASSWORD=", "{w12}", ""),
    ("password json", "\"password\": \"", "{w12}", "\""),
    ("password yaml", "password: ", "{w10}7", ""),
    ("password toml", "password = \"", "{w11}", "\""),
    ("secret env", "export CLIENT_SECRET=", "{w7}4{w16}5", ""),
    ("api key query", "https://api.example.org/v1?limit=5&api_key=", "{h32}", "&x=1"),
    ("password flag", "tool login --password ", "{w9}3{a2}", ""),
    ("token flag", "tool deploy --token=", "{w8}2{w9}7", ""),
    ("mysql flag", "mysql -uroot -p'", "{w12}", "' shop -e 'select 1'"),
    ("netrc", "machine git.example.org login me password ", "{w14}", ""),
    ("pgpass", "db.example.org:5432:app:me:", "{w14}", ""),
    ("cookie", "Cookie: sessionid=", "{l32}", ""),
    ("kubernetes", "--from-literal=pin=", "{w10}", ""),
    ("sshpass", "sshpass -p ", "{w12}", " ssh me@host"),
    ("said", "the staging password is ", "{w6}!{d3}", " by the way"),
    ("unknown", "", "{w20}7{w20}3{w8}", ""),
];

/// Texts in which a secret is met: commands, outputs, prompts, files. `@` is the secret's place.
pub(super) const SETTINGS: &[&str] = &[
    "@",
    "$ @",
    "cd /srv/app && X=1 run '@' && echo done",
    "error: request failed\n  with: @\nexit code 1",
    "please use this one: @ and then run the tests",
    "   12\t# settings\n   13\t@\n   14\tdebug = true\n",
    "+@\n",
    "<pre>@</pre>",
];

/// Shapes of harmless texts that look like secrets.
pub(super) const HARMLESS: &[&str] = &[
    "commit {h40}",
    "sha256:{h64}",
    "{h64}  mana.tar.gz",
    "checksum = \"{h64}\"",
    "\"integrity\": \"sha512-{b86}==\"",
    "golang.org/x/net v0.1.0 h1:{b43}=",
    "id {h8}-{h4}-{h4}-{h4}-{h12}",
    "data:image/png;base64,iVBORw0KGgo{b120}",
    "/usr/lib/python3.{d1}/site-packages/{a8}_{a6}/{a10}/{a7}_test_{d2}.py",
    "/nix/store/{l32}-{a6}-1.{d1}.{d2}",
    "https://example.org/blog/{d4}/{a6}-{a4}-{a8}-{a5}-{a7}-{a6}",
    "test_{a6}_{a8}_returns_{d3}_when_{a7}_is_{a5}",
    "Abstract{a1}ingletonProxyFactoryBeanForThe{a1}erviceLocator{d1}",
    "token = get_{a6}_token()",
    "password: string; // {a8}",
    "let secret = read_env(\"{a6}\");",
    "max_tokens={d4}",
    "tokens: {d3}",
    "--token-limit {d2}",
    "aws secretsmanager get-secret-value --secret-id {a8}/{a6}",
    "export API_KEY=$MY_{a5}",
    "api_key: ${API_KEY} {a5}",
    "--token <token> {a5}",
    "api_key = \"your-api-key-{a4}\"",
    "password=*** {a4}",
    "token: xxxxxxxxxxxxxxxx{a0}",
    "password: REDACTED{a0}",
    "const token = await client.{a6}Token({a4});",
    "if (!user.password) { throw new {a6}Error('Password is required'); }",
    "self.password = password_{a5}",
    "the token is invalid or {a7}",
    "password must be at least {d1} characters",
    "secretName: {a6}-{a4}-tls",
    "public_key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{b43} me@host\"",
    "{a6}@{d1}.{d2}.{d1}-beta.{d1}+build.{d4}",
    "toolu_01{w22}",
    "\"cache_key\": \"{a6}-{h16}\"",
    "git@github.com:{a6}/{a8}.git",
    "http://localhost:{d4}/{a6}@{d1}/{a5}",
    "postgres://user:password@localhost:5432/{a6}",
    "curl -u \"$USER:$PASS\" https://example.org/{a6}",
    "docker run -u 1000:1000 -p {d4}:{d4} {a6}",
    "task-{a6}-disk-{a8}-risk-{a6}-{a5}",
    "PWD=/srv/{a6}/{a5}",
    "key: {a6}",
    "\"key\": \"{a6}_{a5}_{d2}\"",
    "password = input(\"{a6}\")",
    "Basic usage of {a6} and bearer authentication for {a5}",
    "author = {a6}{d2}",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOC{b36}\n{b64}\n-----END PUBLIC KEY-----",
    "{d4}-{d2}-{d2}T{d2}:{d2}:{d2}.{d6}Z",
    "index {h7}..{h7} 100644",
    "0x{h40}",
    "v{d2}.{d2}.{d2}-rc{d1} ({h12})",
    "import { {a6}TokenProvider{d1} } from './{a6}/{a8}';",
];
