"""Secrets as vendors issue them: a literal beginning and a random body, made here, so that none is anybody's.

Formats are from the vendors' documentation; the bodies are random, so a scanner that knows one example by heart finds nothing.
"""

import base64
import json
import zlib
from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from benchmarks.detection.digits import BASE62, HEX, LETTERS, digits, text

URLSAFE: Final = BASE62 + "-_"
BASE64: Final = BASE62 + "+/"
BASE32: Final = LETTERS + "234567"
LOWER: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ALPHABETS: Final = {
    "w": BASE62,
    "u": URLSAFE,
    "h": HEX,
    "b": BASE64,
    "t": BASE32,
    "l": LOWER,
    "d": "0123456789",
    "H": HEX.upper(),
    "a": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",  # bech32
    "e": "MTNDYOjEzQ4Z",  # what digits are in base64, mostly
}


class Kind(NamedTuple):
    """One kind of secret: its name, how it is written, the names of settings that hold it."""

    name: str
    form: str
    """Pieces with spaces between: `'literal`, or an alphabet's letter and a count (`w36`)."""
    keys: tuple[str, ...]


def _k(name: str, form: str, *keys: str) -> Kind:
    return Kind(name, form, keys or ("api_key", "token"))


KINDS: Final[tuple[Kind, ...]] = (
    _k("aws_access_key_id", "'AKIA t16", "aws_access_key_id", "AWS_ACCESS_KEY_ID"),
    _k("aws_access_key_id", "'ASIA t16", "aws_access_key_id"),
    _k("aws_secret_access_key", "b40", "aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    _k("google_api_key", "'AIza u35", "google_api_key", "GOOGLE_MAPS_KEY"),
    _k("google_oauth_secret", "'GOCSPX- u28", "client_secret"),
    _k("google_oauth_token", "'ya29. u68", "access_token"),
    _k("azure_storage_key", "b86 '==", "AccountKey"),
    _k("azure_client_secret", "w3 '8Q~ u34", "client_secret", "AZURE_CLIENT_SECRET"),
    _k("digitalocean_pat", "'dop_v1_ h64", "DO_TOKEN"),
    _k("digitalocean_oauth", "'doo_v1_ h64", "DO_TOKEN"),
    _k("github_fine_grained", "'github_pat_ w22 '_ w59", "GITHUB_TOKEN"),
    _k("gitlab_pat", "'glpat- u20", "GITLAB_TOKEN"),
    _k("gitlab_runner", "'glrt- u20", "RUNNER_TOKEN"),
    _k("gitlab_deploy", "'gldt- u20", "DEPLOY_TOKEN"),
    _k("slack_bot", "'xoxb- d12 '- d12 '- w24", "SLACK_TOKEN"),
    _k("slack_user", "'xoxp- d12 '- d12 '- d12 '- h32", "SLACK_TOKEN"),
    _k("slack_app", "'xapp-1-A H10 '- d12 '- h64", "SLACK_APP_TOKEN"),
    _k("slack_webhook", "'https://hooks.slack.com/services/T H9 '/B H9 '/ w24", "SLACK_WEBHOOK"),
    _k("discord_webhook", "'https://discord.com/api/webhooks/ d18 '/ u68", "DISCORD_WEBHOOK"),
    _k("discord_bot", "'MTA5 e20 '. w6 '. u38", "DISCORD_BOT_TOKEN"),
    _k("telegram_bot", "d10 ':AA u33", "TELEGRAM_BOT_TOKEN"),
    _k("stripe_live", "'sk_live_ w24", "STRIPE_KEY"),
    _k("stripe_live", "'sk_live_51 w97", "STRIPE_SECRET_KEY"),
    _k("stripe_restricted", "'rk_live_ w24", "STRIPE_KEY"),
    _k("stripe_webhook", "'whsec_ w32", "STRIPE_WEBHOOK_SECRET"),
    _k("square_token", "'sq0atp- u22", "SQUARE_TOKEN"),
    _k("square_secret", "'sq0csp- u43", "SQUARE_SECRET"),
    _k("square_access", "'EAAA u60", "SQUARE_ACCESS_TOKEN"),
    _k("paypal_braintree", "'access_token$production$ l16 '$ h32", "BRAINTREE_TOKEN"),
    _k("adyen_key", "'AQEhhmfu w40 '+ w34 '- b43 '= '- u16", "ADYEN_API_KEY"),
    _k("shopify_token", "'shpat_ h32", "SHOPIFY_TOKEN"),
    _k("shopify_secret", "'shpss_ h32", "SHOPIFY_SECRET"),
    _k("openai_key", "'sk-proj- u74 'T3BlbkFJ u74", "OPENAI_API_KEY"),
    _k("openai_key", "'sk- w20 'T3BlbkFJ w20", "OPENAI_API_KEY"),
    _k("anthropic_key", "'sk-ant-api03- u93 'AA", "ANTHROPIC_API_KEY"),
    _k("huggingface_token", "'hf_ w34", "HF_TOKEN"),
    _k("replicate_token", "'r8_ w37", "REPLICATE_API_TOKEN"),
    _k("groq_key", "'gsk_ w52", "GROQ_API_KEY"),
    _k("pypi_token", "'pypi-AgEIcHlwaS5vcmc u100", "TWINE_PASSWORD"),
    _k("rubygems_key", "'rubygems_ h48", "GEM_HOST_API_KEY"),
    _k("docker_pat", "'dckr_pat_ u27", "DOCKER_PASSWORD"),
    _k("nuget_key", "'oy2 l43", "NUGET_API_KEY"),
    _k("sendgrid_key", "'SG. u22 '. u43", "SENDGRID_API_KEY"),
    _k("mailgun_key", "'key- h32", "MAILGUN_API_KEY"),
    _k("mailchimp_key", "h32 '-us12", "MAILCHIMP_API_KEY"),
    _k("twilio_key", "'SK h32", "TWILIO_API_KEY"),
    _k("brevo_key", "'xkeysib- h64 '- w16", "BREVO_API_KEY"),
    _k("postman_key", "'PMAK- h24 '- h34", "POSTMAN_API_KEY"),
    _k("new_relic_key", "'NRAK- H27", "NEW_RELIC_API_KEY"),
    _k("grafana_token", "'glsa_ w32 '_ h8", "GRAFANA_TOKEN"),
    _k("grafana_cloud", "'glc_eyJ b60", "GRAFANA_CLOUD_TOKEN"),
    _k("datadog_key", "h32", "DD_API_KEY", "datadog_api_key"),
    _k("sentry_token", "'sntrys_eyJ b60 '_ b43", "SENTRY_AUTH_TOKEN"),
    _k("vault_token", "'hvs. u92", "VAULT_TOKEN"),
    _k("vault_batch", "'hvb. u140", "VAULT_TOKEN"),
    _k("terraform_token", "w14 '.atlasv1. u64", "TFE_TOKEN"),
    _k("pulumi_token", "'pul- h40", "PULUMI_ACCESS_TOKEN"),
    _k("databricks_token", "'dapi h32", "DATABRICKS_TOKEN"),
    _k("atlassian_token", "'ATATT3xFfGF0 u180 '= H8", "JIRA_TOKEN"),
    _k("linear_key", "'lin_api_ w40", "LINEAR_API_KEY"),
    _k("notion_token", "'ntn_ d11 w35", "NOTION_TOKEN"),
    _k("figma_pat", "'figd_ u40", "FIGMA_TOKEN"),
    _k("airtable_pat", "'pat w14 '. h64", "AIRTABLE_TOKEN"),
    _k("asana_pat", "'1/ d16 ': h32", "ASANA_PAT", "asana_access_token"),
    _k("dropbox_token", "'sl. u130", "DROPBOX_TOKEN"),
    _k("heroku_key", "'HRKU-AA u58", "HEROKU_API_KEY"),
    _k("flyio_token", "'fm2_ b100", "FLY_API_TOKEN"),
    _k("netlify_pat", "'nfp_ w36", "NETLIFY_AUTH_TOKEN"),
    _k("planetscale_password", "'pscale_pw_ u43", "DATABASE_PASSWORD"),
    _k("supabase_pat", "'sbp_ h40", "SUPABASE_ACCESS_TOKEN"),
    _k("doppler_token", "'dp.pt. w43", "DOPPLER_TOKEN"),
    _k("onepassword_service", "'ops_eyJ b250", "OP_SERVICE_ACCOUNT_TOKEN"),
    _k("age_key", "'AGE-SECRET-KEY-1 a58", "SOPS_AGE_KEY"),
    _k("facebook_token", "'EAA w120", "FB_TOKEN"),
    _k("alibaba_key", "'LTAI w20", "ALIBABA_ACCESS_KEY"),
    _k("yandex_key", "'AQVN u36", "YC_API_KEY"),
    _k("tailscale_key", "'tskey-auth- w17 '- w32", "TS_AUTHKEY"),
    _k("buildkite_token", "'bkua_ h40", "BUILDKITE_TOKEN"),
    _k("circleci_pat", "'CCIPAT_ w22 '_ h40", "CIRCLE_TOKEN"),
    _k("artifactory_key", "'AKCp w69", "ARTIFACTORY_API_KEY"),
    _k("sonar_token", "'squ_ h40", "SONAR_TOKEN"),
    _k("snyk_token", "h8 '- h4 '- h4 '- h4 '- h12", "SNYK_TOKEN"),
    _k("launchdarkly_key", "'sdk- h8 '- h4 '-4 h3 '-a h3 '- h12", "LAUNCHDARKLY_SDK_KEY"),
    _k("connection_string", "'postgresql://app: w16 '@db.internal:5432/orders", "DATABASE_URL"),
    _k("connection_string", "'mongodb+srv://svc: w14 '@cluster0.x1.mongodb.net/test", "MONGO_URL"),
    _k("connection_string", "'redis://:p w18 '@cache:6379/0", "REDIS_URL"),
    _k("connection_string", "'amqp://worker: w12 '@rabbit:5672/", "AMQP_URL"),
    _k("connection_string", "'mysql://root: w12 '@10.0.0.7:3306/shop", "DATABASE_URL"),
    _k("basic_auth_url", "'https://deploy: w20 '@git.internal/r.git", "REPO_URL"),
)


def _checked(prefix: str) -> Callable[[Random], str]:
    """Thirty random characters and the CRC-32 of them in six digits of base 62 (GitHub, npm)."""

    def made(chance: Random) -> str:
        body = text(chance, BASE62, 30)
        number, out = zlib.crc32(body.encode()), ""
        alphabet = "0123456789" + LETTERS + LETTERS.lower()
        for _ in range(6):
            number, rest = divmod(number, 62)
            out = alphabet[rest] + out
        return f"{prefix}{body}{out}"

    return made


def _jwt(chance: Random) -> str:
    """HS256, a body as identity providers write it."""
    claims = {
        "sub": digits(chance, 10),
        "iss": "https://login.example",
        "iat": 1_764_200_000 + chance.randrange(10**5),
    }
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    encoded = [
        base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()).decode().rstrip("=")
        for part in parts
    ]
    return ".".join([*encoded, text(chance, URLSAFE, 43)])


def _key(what: str) -> Callable[[Random], str]:
    """A private key: its lines are random, which no reader of the frame sees."""

    def made(chance: Random) -> str:
        lines = "\n".join("MII" + text(chance, BASE64, 61) for _ in range(6))
        return f"-----BEGIN {what}-----\n{lines}\n-----END {what}-----"

    return made


MADE: Final[tuple[tuple[str, Callable[[Random], str], tuple[str, ...]], ...]] = (
    ("github_token", _checked("ghp_"), ("GITHUB_TOKEN",)),
    ("github_token", _checked("gho_"), ("access_token",)),
    ("github_token", _checked("ghs_"), ("GH_TOKEN",)),
    ("npm_token", _checked("npm_"), ("NPM_TOKEN",)),
    ("jwt", _jwt, ("access_token", "id_token")),
    ("private_key", _key("RSA PRIVATE KEY"), ("tls.key",)),
    ("private_key", _key("EC PRIVATE KEY"), ("tls.key",)),
    ("private_key", _key("OPENSSH PRIVATE KEY"), ("ssh_key",)),
    ("private_key", _key("PRIVATE KEY"), ("private_key",)),
)


def make(chance: Random, kind: Kind) -> str:
    """One secret of a kind."""
    return "".join(
        piece[1:] if piece[0] == "'" else text(chance, _ALPHABETS[piece[0]], int(piece[1:]))
        for piece in kind.form.split(" ")
    )


def altogether() -> list[tuple[str, Callable[[Random], str], tuple[str, ...]]]:
    """Every kind: name, how one is made, names of settings."""

    def maker(kind: Kind) -> Callable[[Random], str]:
        return lambda chance: make(chance, kind)

    return [*((kind.name, maker(kind), kind.keys) for kind in KINDS), *MADE]
