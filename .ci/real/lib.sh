# Shared functions of the checks with real parts; sourced by them.
#
# Each check starts its processes on free ports with a scratch folder, and stops them all at the end. Tools are
# installed into .ci/run's cache, except PostgreSQL and Java, which are installed from Debian's packages if missing.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cache=${CRUDDUR_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cruddur-ci}
target=${CARGO_TARGET_DIR:-target}
scratch=$(mktemp -d)
# PostgreSQL's server runs as a separate user, who needs access.
chmod 755 "$scratch"
children=()
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

stop_all() {
    local status=$?
    local child
    for child in "${children[@]}"; do
        kill "$child" 2>/dev/null || true
        # A stopped process would not handle the signal.
        kill -CONT "$child" 2>/dev/null || true
    done
    [[ -e $scratch/postgres/postmaster.pid ]] && stop_postgres
    for child in "${children[@]}"; do
        wait "$child" 2>/dev/null || true
    done
    if ((status)); then
        echo "--- the ends of the logs"
        tail -n 25 "$scratch"/*.log 2>/dev/null || true
    fi
    rm -rf "$scratch"
    exit "$status"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

say() { printf -- '--- %s\n' "$*"; }

die() { printf 'FAILED: %s\n' "$*"; exit 1; }

# free_port: prints a free port whose next two are free too, for the stack's engines. Skips the range that
# Linux uses for outgoing connections, where another process could take the port first.
free_port() {
    python3 -c '
import random, socket
while True:
    port = random.randrange(20_000, 32_000)
    try:
        for number in range(port, port + 3):
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", number))
    except OSError:
        continue
    print(port)
    break'
}

# start NAME COMMAND...: runs COMMAND in the background; its output goes to NAME.log.
start() {
    local name=$1
    shift
    "$@" >"$scratch/$name.log" 2>&1 </dev/null &
    children+=($!)
    last_child=$!
}

# wait_until SECONDS WHAT COMMAND...: repeats COMMAND until it succeeds.
wait_until() {
    local seconds=$1 what=$2
    shift 2
    local end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || die "$what within $seconds s"
        sleep 0.2
    done
}

answers() { curl --silent --output /dev/null --max-time 2 "$1"; }

listens() { (: <"/dev/tcp/127.0.0.1/$1"); }

# status_of CURL-ARGUMENTS...: prints the status of the response, or 000 if there is none.
status_of() { curl --silent --output /dev/null --max-time 20 --write-out '%{http_code}' "$@" || true; }

# expect WHAT EXPECTED ACTUAL
expect() {
    [[ $2 == "$3" ]] || die "$1: expected $2, got $3"
    echo "ok: $1"
}

apt_install() {
    say "installing $*"
    local sudo=()
    ((EUID == 0)) || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# --- PostgreSQL's server -----------------------------------------------------------------------------------------

install_postgres() {
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || apt_install postgresql
    # Choose the newest if several are installed.
    postgres_bin=$(dirname "$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)")
    "$postgres_bin/postgres" --version
}

# as_postgres COMMAND...: runs COMMAND as postgres, since the server refuses to run as root.
as_postgres() {
    if ((EUID == 0)); then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

# create_postgres: creates an empty cluster whose users need no password.
create_postgres() {
    install_postgres
    mkdir "$scratch/postgres"
    ((EUID)) || chown postgres "$scratch/postgres"
    as_postgres "$postgres_bin/initdb" --pgdata "$scratch/postgres" --username postgres --auth trust \
        --no-sync --encoding UTF8 >/dev/null
    postgres_port=$(free_port)
}

# migrations: prints the names of all migrations, as `cruddur db` lists them.
migrations() { (cd sql/migrations && printf '%s, ' * | sed 's/\.sql, /, /g; s/, $//'); }

# start_postgres OPTIONS...
start_postgres() {
    as_postgres "$postgres_bin/pg_ctl" --pgdata "$scratch/postgres" --log "$scratch/postgres/server.log" --silent -w \
        --options "-h 127.0.0.1 -p $postgres_port -k '' $*" start >/dev/null
}

stop_postgres() {
    as_postgres "$postgres_bin/pg_ctl" --pgdata "$scratch/postgres" --silent --mode fast stop >/dev/null || true
}

# --- DynamoDB Local ----------------------------------------------------------------------------------------------

dynamodb_local_version=2.9.30

install_dynamodb_local() {
    command -v java >/dev/null || apt_install default-jre-headless
    dynamodb_local=$cache/dynamodb-local-$dynamodb_local_version
    if [[ ! -e $dynamodb_local/complete ]]; then
        command -v npm >/dev/null || apt_install npm
        rm -rf "$dynamodb_local"
        mkdir -p "$dynamodb_local"
        # This package contains Amazon's jar.
        (cd "$dynamodb_local" && npm pack --silent "amplify-dynamodb-simulator@$dynamodb_local_version" >/dev/null &&
            tar xzf ./*.tgz && rm ./*.tgz)
        touch "$dynamodb_local/complete"
    fi
}

start_dynamodb_local() {
    install_dynamodb_local
    dynamodb_port=$(free_port)
    mkdir "$scratch/dynamodb"
    run_dynamodb_local
}

# run_dynamodb_local: starts it on its port and data; sets dynamodb_child.
run_dynamodb_local() {
    # Run it in a separate folder: it writes a telemetry file to its working directory.
    start dynamodb-local env --chdir "$scratch/dynamodb" java -Xmx512m -Djava.library.path="$dynamodb_local/package/emulator/DynamoDBLocal_lib" \
        -jar "$dynamodb_local/package/emulator/DynamoDBLocal.jar" -port "$dynamodb_port" -sharedDb -dbPath "$scratch/dynamodb"
    dynamodb_child=$last_child
    wait_until 60 'DynamoDB Local answers' answers "http://127.0.0.1:$dynamodb_port"
}

# --- Cognito, by moto
# ----------------------------------------------------------------------------------------------

moto_version=5.2.5

# install_moto: sets moto to a folder with bin/moto_server and bin/python.
install_moto() {
    moto=$cache/moto-$moto_version
    if [[ ! -e $moto/complete ]]; then
        rm -rf "$moto"
        python3 -m venv "$moto"
        "$moto/bin/pip" install --quiet "moto[server]==$moto_version"
        touch "$moto/complete"
    fi
}

# --- Python tools: cfn-lint, which reads templates
# ------------------------------------------------------------------

# install_cfn_lint: sets python_tools to a folder with bin/python and bin/cfn-lint.
install_cfn_lint() {
    python_tools=$cache/python-$(cksum <.ci/requirements.txt | cut -d' ' -f1)
    if [[ ! -e $python_tools/complete ]]; then
        rm -rf "$python_tools"
        python3 -m venv "$python_tools"
        "$python_tools/bin/pip" install --quiet --requirement .ci/requirements.txt
        touch "$python_tools/complete"
    fi
    "$python_tools/bin/cfn-lint" --version
}

# --- requests generated from openapi.yaml
# ------------------------------------------------------------------------

schemathesis_version=4.32.5

# install_schemathesis: sets schemathesis to the command.
install_schemathesis() {
    local folder=$cache/schemathesis-$schemathesis_version
    schemathesis=$folder/bin/schemathesis
    if [[ ! -e $folder/complete ]]; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet "schemathesis==$schemathesis_version"
        touch "$folder/complete"
    fi
    "$schemathesis" --version
}

# --- the web client
# ------------------------------------------------------------------------------------------------

# install_node: checks Node.js's version.
install_node() {
    command -v npm >/dev/null || apt_install nodejs npm
    node --eval 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' ||
        die "Node.js $(node --version) is too old: install 20.19 or newer"
}

# install_browser: checks Node.js's version; sets CHROMIUM to the command unless it is set.
install_browser() {
    install_node
    if [[ -z ${CHROMIUM:-} ]]; then
        command -v chromium >/dev/null || apt_install chromium
        CHROMIUM=$(command -v chromium)
    fi
    export CHROMIUM
    "$CHROMIUM" --version
}

# --- fuzzing -----------------------------------------------------------------------------------------------------

cargo_fuzz_version=0.13.2

install_cargo_fuzz() {
    local folder=$cache/cargo-fuzz-$cargo_fuzz_version
    [[ -x $folder/bin/cargo-fuzz ]] ||
        env -u CARGO_TARGET_DIR cargo install cargo-fuzz --version "$cargo_fuzz_version" --locked --root "$folder"
    export PATH=$folder/bin:$PATH
    cargo fuzz --version
}

# --- The local stack ---------------------------------------------------------------------------------------------

# build_stack: builds the local stack, the functions, the command and the tests' programs. It builds the whole
# workspace with its tests, which reuses the results of `cargo test --workspace`. Any other selection would
# change the features of dependencies and compile most of them again.
build_stack() {
    cargo build --locked --quiet --workspace --bins --tests
}

# start_stack ARGUMENTS...: sets stack_port and stack_child.
start_stack() {
    stack_port=${stack_port:-$(free_port)}
    start stack "$target/debug/local" --port "$stack_port" --client-dir "$scratch" "$@"
    stack_child=$last_child
    wait_until 120 'the local stack is up' answers "http://127.0.0.1:$stack_port/local/health"
}

stop_stack() {
    kill -INT "$stack_child"
    wait "$stack_child" || die "the stack ended with $?"
}

conversation() {
    "$target/debug/conversation" --api "$1" --tokens "${2:-$1}" "${@:3}"
}

# --- cargo-lambda ------------------------------------------------------------------------------------------------

cargo_lambda_version=1.9.2

install_cargo_lambda() {
    cargo_lambda=$cache/cargo-lambda-$cargo_lambda_version
    if [[ ! -e $cargo_lambda/complete ]]; then
        rm -rf "$cargo_lambda"
        python3 -m venv "$cargo_lambda"
        "$cargo_lambda/bin/pip" install --quiet "cargo-lambda==$cargo_lambda_version"
        touch "$cargo_lambda/complete"
    fi
    # First on the path: cargo-lambda looks for its Zig with this python3.
    export PATH=$cargo_lambda/bin:$PATH
    cargo lambda --version
}

# build_functions: builds $target/lambda/NAME/bootstrap of each function, with the profile FUNCTIONS_PROFILE (release).
build_functions() {
    install_cargo_lambda
    cargo lambda build --locked --profile "${FUNCTIONS_PROFILE:-release}"
}

# start_cargo_lambda_watch OPTIONS...: runs in a copy of the checkout, where it expects the file .env. Sets watch_port.
start_cargo_lambda_watch() {
    watch_port=$(free_port)
    mkdir "$scratch/checkout"
    git ls-files --cached --others --exclude-standard -z | xargs -0 cp --parents -t "$scratch/checkout"
    functions_environment >"$scratch/checkout/.env"
    CARGO_TARGET_DIR=$(realpath "$target") start watch env --chdir "$scratch/checkout" \
        cargo lambda watch --ignore-changes --invoke-address 127.0.0.1 --invoke-port "$watch_port" "$@"
    wait_until 60 'cargo lambda watch listens' listens "$watch_port"
}

# start_function NAME BINARY: inherits the caller's environment.
start_function() {
    AWS_LAMBDA_RUNTIME_API=http://127.0.0.1:$watch_port/.rt/$1 AWS_LAMBDA_FUNCTION_NAME=$1 \
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256 AWS_LAMBDA_FUNCTION_VERSION=1 start "$1" "$2"
}

# invoke NAME FILE: prints the function's answer to the event.
invoke() {
    curl --silent --fail-with-body --max-time 60 --data-binary "@$2" \
        "http://127.0.0.1:$watch_port/2015-03-31/functions/$1/invocations"
}

# functions_environment: prints the variables of .env.example, for the stack on stack_port.
functions_environment() {
    sed -e "s/4567/$stack_port/; s/4568/$((stack_port + 1))/; s/4569/$((stack_port + 2))/" .env.example
}

# --- The functions as deployed -----------------------------------------------------------------------------------

# start_lambda_emulator: starts cargo-lambda's emulator of the Lambda runtime without functions. Sets api. Needs
# start_stack, dynamodb_url and database_url.
start_lambda_emulator() {
    issuer=http://127.0.0.1:$stack_port/local/issuer
    curl --silent --fail "$issuer/.well-known/jwks.json" >"$scratch/key-set.json"
    # The key set as text, as configured for a stack in a VPC without outbound access. cargo-lambda has no WebSocket API.
    python3 -c 'import json, sys; print(json.dumps(dict(zip(sys.argv[1::2], sys.argv[2::2]))))' \
        DatabaseUrl "$database_url" UserPoolId eu-central-1_aBcDeFgHi UserPoolClientIds cruddur-local-client \
        CognitoJwks "$(<"$scratch/key-set.json")" MessageTable cruddur-messages SendBurst 1000 ConversationBurst 1000 WebSocketApi false >"$scratch/values.json"
    start_cargo_lambda_watch --only-lambda-apis
    api=http://127.0.0.1:$watch_port
}

# environment_variables FUNCTION BINARY [CHECKOUT]: prints the variables of an execution environment as NAME=VALUE with a NUL
# after each: those that Lambda sets, those that CHECKOUT's template.yaml gives the function, plus two that replace AWS's
# addresses. Needs $scratch/values.json, dynamodb_url and issuer.
environment_variables() {
    printf '%s\0' PATH=/usr/local/bin:/usr/bin:/bin LANG=en_US.UTF-8 TZ=:UTC \
        _HANDLER=bootstrap LAMBDA_TASK_ROOT="$(realpath "$(dirname "$2")")" AWS_LAMBDA_FUNCTION_NAME="$1" \
        AWS_LAMBDA_FUNCTION_VERSION='$LATEST' AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256 AWS_LAMBDA_LOG_FORMAT=JSON \
        AWS_LAMBDA_LOG_LEVEL=INFO AWS_LAMBDA_INITIALIZATION_TYPE=on-demand AWS_REGION=eu-central-1 \
        AWS_DEFAULT_REGION=eu-central-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_SESSION_TOKEN=local
    (cd "${3:-.}" && "$python_tools/bin/python" .ci/real/function_environment.py "$1" "$scratch/values.json")
    printf '%s\0' AWS_ENDPOINT_URL_DYNAMODB="$dynamodb_url" COGNITO_ISSUER="$issuer"
}

# start_execution_environment FUNCTION BINARY [CHECKOUT [LABEL]]: starts a process of the function. It is last_child.
environments=0
start_execution_environment() {
    local name=$1${4:+-$4}-$((environments += 1)) variables
    environment_variables "$1" "$2" "${3:-}" >"$scratch/$name.variables"
    mapfile -d '' variables <"$scratch/$name.variables"
    start "function-$name" env -i "${variables[@]}" AWS_LAMBDA_RUNTIME_API="$api/.rt/$1" "$2"
}

# --- the AWS SAM CLI ---------------------------------------------------------------------------------------------

sam_version=1.170.0

# install_sam: sets sam to the command.
install_sam() {
    local folder=$cache/sam-$sam_version
    sam=$folder/bin/sam
    export SAM_CLI_TELEMETRY=0
    if [[ ! -e $folder/complete ]]; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet "aws-sam-cli==$sam_version"
        touch "$folder/complete"
    fi
    "$sam" --version
}

# --- certificates ------------------------------------------------------------------------------------------------

# authority NAME: creates tls/NAME.crt and tls/NAME.key
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$1" -keyout "$tls/$1.key" -out "$tls/$1.crt" \
        -addext 'basicConstraints=critical,CA:TRUE' 2>/dev/null
}

# certificate NAME SUBJECT-ALTERNATIVE-NAME [FIRST-DAY LAST-DAY]: creates a certificate signed by `authority`
certificate() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$tls/$1.key" -out "$tls/$1.csr" 2>/dev/null
    : >"$tls/index.txt"
    openssl ca -batch -notext -config /dev/stdin -in "$tls/$1.csr" -out "$tls/$1.crt" \
        -startdate "${3:-$(date -u -d yesterday +%Y%m%d000000Z)}" \
        -enddate "${4:-$(date -u -d 'next month' +%Y%m%d000000Z)}" 2>/dev/null <<EOF
[ca]
default_ca = authority
[authority]
database = $tls/index.txt
new_certs_dir = $tls
rand_serial = yes
certificate = $tls/authority.crt
private_key = $tls/authority.key
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
subjectAltName = $2
EOF
}

make_authority() {
    command -v openssl >/dev/null || apt_install openssl
    tls=$scratch/tls
    mkdir "$tls"
    authority authority
}
