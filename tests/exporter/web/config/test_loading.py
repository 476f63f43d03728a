"""The web configuration file: what it means, and the exact line for each mistake."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from exporter.fleet import BadFile
from exporter.web.config import WebConfig, load

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
EXAMPLE = Path(__file__).parents[4] / "config/web.example.yml"


def problems(path):
    with pytest.raises(BadFile) as caught:
        load(path)
    return [str(problem).removeprefix(str(path)) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# nothing\n", "---\n", "{}\n", "tls_server_config:\nbasic_auth_users:\n"]
)
def test_an_empty_file_means_no_tls_and_no_users(written, text):
    config = load(written(text))
    assert config.ssl_context() is None
    assert not config.users
    assert not config.warnings


def test_without_a_file_nothing_is_protected():
    assert WebConfig().ssl_context() is None
    assert not WebConfig().users


def test_paths_begin_at_the_folder_of_the_file(written, tmp_path, monkeypatch):
    written(TLS)
    monkeypatch.chdir("/")
    assert load(tmp_path / "web.yml").ssl_context() is not None


def test_everything_that_is_supported_at_once(written):
    config = load(
        written(
            f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
            "  client_allowed_sans: [prometheus.example]\n  min_version: TLS12\n  max_version: TLS13\n"
            "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n"
            "  prefer_server_cipher_suites: false\n  curve_preferences: [CurveP256]\n"
            "http_server_config: {http2: false, headers: {X-Frame-Options: deny, X-XSS-Protection: ''}}\n"
            f"basic_auth_users: {{josé: '{HASH}'}}\nrate_limit: {{interval: 100ms, burst: 5}}\n"
        )
    )
    assert config.users == {"josé".encode(): HASH.encode()}
    assert config.headers == {"X-Frame-Options": "deny"}
    assert (config.token_interval, config.burst) == (0.1, 5)


def test_no_hash_is_in_the_repr(written):
    assert HASH not in repr(load(written(f"basic_auth_users: {{a: '{HASH}'}}\n")))


def test_http2_is_a_warning_since_clients_fall_back(written):
    (warning,) = load(written("http_server_config:\n  http2: true\n")).warnings
    assert (warning.line, warning.key) == (2, "http_server_config.http2")
    assert "HTTP/2 is not spoken here" in warning.message


def test_the_example_is_valid_also_with_every_comment_opened(written):
    text = EXAMPLE.read_text()
    assert load(written(text)).users.keys() == {b"prometheus"}
    opened = re.sub(r"^( *)# (?=(  )?[\w-]+:( |$))", r"\1", text, flags=re.MULTILINE)
    config = load(written(opened.replace("clients-ca.pem", "ca.pem")))
    assert config.tls is not None
    assert config.tls.settings.client_allowed_sans == ("prometheus.vya.digital",)
    assert config.token_interval == 0.1


BAD = [
    ("tls_server_confg: {}\n", ":1: tls_server_confg: unknown key; did you mean 'tls_server_config'?"),
    ("- a\n", ":1: expected sections such as 'basic_auth_users:', not a list"),
    (f"{TLS}  cert_fil: x\n", ":4: tls_server_config.cert_fil: unknown key; did you mean 'cert_file'?"),
    (
        "tls_server_config:\n  min_version: TLS12\n",
        ":1: tls_server_config.cert_file: missing; this key is required\n"
        ":1: tls_server_config.key_file: missing; this key is required",
    ),
    ("tls_server_config: server.pem\n", ":1: tls_server_config: expected a map of 'key: value', not text"),
    (
        "tls_server_config:\n  cert_file: nowhere.pem\n  key_file: server.key\n",
        ":2: tls_server_config.cert_file: FOLDER/nowhere.pem cannot be read: "
        "No such file or directory; check the path and its permissions",
    ),
    (
        "tls_server_config:\n  cert_file: server.pem\n  key_file: client.key\n",
        ":3: tls_server_config.key_file: is the key of another certificate than cert_file's",
    ),
    (
        "tls_server_config:\n  cert_file: server.pem\n  key_file: web.yml\n",
        ":2: tls_server_config.cert_file: no usable certificate here or no usable key in key_file; both have to be PEM",
    ),
    (
        "tls_server_config:\n  cert_file: server.pem\n  key_file: |\n    -----BEGIN PRIVATE KEY-----\n    abc\n",
        ":3: tls_server_config.key_file: expected a path, not the text of a file",
    ),
    (
        f"{TLS}  key: |\n    -----BEGIN PRIVATE KEY-----\n",
        ":4: tls_server_config.key: a certificate or key within this file is not supported; "
        "put it into a file of its own, and name that",
    ),
    (
        f"{TLS}  client_auth_type: RequireAnyClientCert\n",
        ":4: tls_server_config.client_auth_type: RequireAnyClientCert takes certificates that nobody verifies, "
        "which Python's ssl cannot; write RequireAndVerifyClientCert (the only secure one) or NoClientCert",
    ),
    (
        f"{TLS}  client_auth_type: requireandverify\n",
        ":4: tls_server_config.client_auth_type: 'requireandverify' is none of NoClientCert, "
        "VerifyClientCertIfGiven, RequireAndVerifyClientCert; did you mean 'RequireAndVerifyClientCert'?",
    ),
    (
        f"{TLS}  client_auth_type: [NoClientCert]\n",
        ":4: tls_server_config.client_auth_type: expected one of NoClientCert, VerifyClientCertIfGiven, "
        "RequireAndVerifyClientCert, not a list",
    ),
    (
        f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n",
        ":1: tls_server_config.client_ca_file: missing; client_auth_type demands certificates, "
        "and this key says of which authority",
    ),
    (
        f"{TLS}  client_ca_file: ca.pem\n",
        ":4: tls_server_config.client_ca_file: needs 'client_auth_type: RequireAndVerifyClientCert'; "
        "without, no certificate is asked for",
    ),
    (
        f"{TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n  client_allowed_sans: [a]\n",
        ":6: tls_server_config.client_allowed_sans: needs 'client_auth_type: RequireAndVerifyClientCert'; "
        "without, a client may bring no name",
    ),
    (
        f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: web.yml\n",
        ":5: tls_server_config.client_ca_file: no usable certificate here; it has to be PEM",
    ),
    (
        f"{TLS}  min_version: TLS10\n",
        ":4: tls_server_config.min_version: TLS10 is too old: OpenSSL 3 refuses it at its default security level; "
        "write TLS12 or TLS13",
    ),
    (
        f"{TLS}  min_version: TLS13\n  max_version: TLS12\n",
        ":5: tls_server_config.max_version: is below min_version; no client could connect",
    ),
    (
        f"{TLS}  cipher_suites: [TLS_AES_128_GCM_SHA256]\n",
        ":4: tls_server_config.cipher_suites: holds only suites of TLS 1.3, which are always on; "
        "add one of TLS 1.2 or 'min_version: TLS13'",
    ),
    (
        f"{TLS}  cipher_suites: []\n",
        ":4: tls_server_config.cipher_suites: is empty; name at least one, or leave the key out",
    ),
    (
        f"{TLS}  curve_preferences: [X25519]\n",
        ":4: tls_server_config.curve_preferences: X25519 cannot be chosen with Python's ssl; "
        "write CurveP256, or leave the key out to offer all",
    ),
    (
        f"{TLS}  curve_preferences: [CurveP256, CurveP384]\n",
        ":4: tls_server_config.curve_preferences: Python's ssl takes a single curve; name one, "
        "or leave the key out to offer all",
    ),
    (
        "http_server_config:\n  headers:\n    Server: mine\n",
        ":2: http_server_config.headers: the header 'Server' cannot be set; known here: Content-Security-Policy, "
        "Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection",
    ),
    (
        "http_server_config: {headers: {X-Frame-Options: DENY}}\n",
        ":1: http_server_config.headers: X-Frame-Options may be deny or sameorigin, not 'DENY'",
    ),
    (
        'http_server_config: {headers: {X-XSS-Protection: "0\\r\\nSet-Cookie: a"}}\n',
        ":1: http_server_config.headers: the value of X-XSS-Protection must be one line of printable ASCII, "
        "at most 4,000 characters",
    ),
    ("http_server_config: {http2: yes}\n", ":1: http_server_config.http2: expected true or false, not 'yes'"),
    ("basic_auth_users: hunter2\n", ":1: basic_auth_users: expected a map of 'key: value', not text"),
    (
        "basic_auth_users:\n  alice: hunter2\n",
        ":2: basic_auth_users.alice: is no bcrypt hash such as $2y$10$...; "
        "make one: htpasswd -nBC 10 '' | tr -d ':\\n'",
    ),
    (
        f"basic_auth_users:\n  alice: {HASH.replace('$10$', '$31$')}\n",
        ":2: basic_auth_users.alice: is a bcrypt hash of cost 31; the cost must be from 4 to 14, better 10 to 12",
    ),
    (
        f"basic_auth_users:\n  'a:b': {HASH}\n",
        ":2: basic_auth_users.\"a:b\": the name must not be empty or hold ':'; HTTP could not send it",
    ),
    (
        f"basic_auth_users:\n  a: {HASH}\n  a: {HASH}\n",
        ":3: basic_auth_users.a: duplicate key; it stands in line 2 already; remove one of them",
    ),
    (
        "rate_limit: {interval: 1s}\n",
        ":1: rate_limit.burst: missing; an interval without a burst would refuse every request",
    ),
    (
        "rate_limit: {interval: 1s, burst: 0}\n",
        ":1: rate_limit.burst: expected a whole number from 1 to 1000000, not '0'",
    ),
    (
        "rate_limit: {interval: [1s], burst: 1}\n",
        ":1: rate_limit.interval: expected a number and a unit, such as 500ms, 15s, 1.5m or 1h, not a list",
    ),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_a_mistake_gets_its_line_its_key_and_its_remedy(written, tmp_path, text, expected):
    assert "\n".join(problems(written(text))).replace(str(tmp_path), "FOLDER") == expected


def test_all_problems_come_at_once(written):
    lines = problems(
        written(f"{TLS}  min_version: TLS9\nhttp: {{}}\nrate_limit: {{burst: x}}\nbasic_auth_users: {{a: b}}\n")
    )
    assert [line.split(": ")[0] for line in lines] == [":4", ":5", ":6", ":7"]


@pytest.mark.parametrize("text", [text for text, _ in BAD if "hunter2" in text or "BEGIN" in text])
def test_no_message_repeats_what_may_be_a_secret(written, text):
    lines = "\n".join(problems(written(text)))
    assert "hunter2" not in lines
    assert "BEGIN" not in lines


def test_an_encrypted_key_does_not_make_openssl_ask_at_the_terminal(written, tmp_path):
    path = written(TLS)
    (tmp_path / "server.key").write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert problems(path) == [
        ":3: tls_server_config.key_file: is encrypted; decrypt it: nobody is there to type its password"
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: \xff\n", ":1: byte 0xff is not UTF-8; save the file in UTF-8"),
        (b"#" * 2**20 + b"##", ": is larger than 1 MiB; is this the web configuration?"),
        (b"a: [\n", ":2: not valid YAML: "),
        (b"a: b\n\xef\xbb\xbfc: d\n", ":2: a byte order mark (U+FEFF) stands here"),
        (b"[]\n", ":1: expected sections such as 'basic_auth_users:', not a list"),
    ],
)
def test_bytes_that_are_no_configuration(written, content, expected):
    path = written("")
    path.write_bytes(content)
    (line,) = problems(path)
    assert line.startswith(expected)


def test_a_missing_file_is_named(tmp_path):
    assert problems(tmp_path / "web.yml") == [": no such file; create it, or name another one with --web.config.file"]
