"""Keys and tokens that open a service.

The prefixes that services give their keys so that scanners find them (Amazon, Google, GitHub,
GitLab, Slack, Stripe, OpenAI, Anthropic, Hugging Face, npm, SendGrid) and JSON Web Tokens (RFC
7519). Keys without a prefix look like hashes and need a fitting header.
"""

from __future__ import annotations

from assay.data.interface import Detector

_PREFIXED = (
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    r"AIza[0-9A-Za-z_-]{35}",
    r"gh[pousr]_[0-9A-Za-z]{36,}",
    r"github_pat_[0-9A-Za-z_]{40,}",
    r"glpat-[0-9A-Za-z_-]{20,}",
    r"xox[abprs]-[0-9A-Za-z-]{10,}",
    r"(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{16,}",
    r"sk-(?:proj-|ant-)?[0-9A-Za-z_-]{32,}",
    r"hf_[0-9A-Za-z]{30,}",
    r"npm_[0-9A-Za-z]{36}",
    r"SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{30,}",
    r"eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}",
)

MEMBER = Detector(
    entity="api_key",
    noun="keys of services",
    headers=(
        "api key",
        "apikey",
        "api token",
        "api secret",
        "access key",
        "access key id",
        "secret access key",
        "access token",
        "auth token",
        "bearer token",
        "refresh token",
        "client secret",
        "secret key",
        "app secret",
        "webhook secret",
        "oauth token",
    ),
    exact_headers=("token", "secret", "credential", "credentials", "jwt"),
    patterns=_PREFIXED,
    weak_patterns=(r"[0-9A-Za-z_./+=-]{16,}",),
    in_text=_PREFIXED,
    content_alone=True,
    examples=(
        "AKIA" + "EXAMPLEEXAMPLE00",
        "ghp_" + "0" * 36,
        "sk_test_" + "x" * 24,
        "xoxb-" + "1" * 12,
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0ZXN0In0.c2lnbmF0dXJl",
    ),
    near_misses=(
        "AKIA",
        "sk-learn",
        "ghp_short",
        "d41d8cd98f00b204e9800998ecf8427e",
        "SKU_live_12",
    ),
)
